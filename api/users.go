package api

import (
	"errors"
	"fmt"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

// listUsers lists accounts, by address.
func listUsers(x *exchange) {
	p, ok := x.page("", "email", "role")
	if !ok {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	users, err := x.server.store.ListUsers(ctx, persistence.UserFilter{EmailPrefix: strings.ToLower(p.query.Get("email")),
		Role: persistence.Role(p.query.Get("role")), After: p.start.Text, Limit: p.limit + 1})
	if err != nil {
		x.failStore("listing accounts", err)
		return
	}
	users, cursor := endPage(x, &p, users, func(u *persistence.User) persistence.Place { return persistence.Place{Text: u.Email} })
	reply := userPage{Items: make([]userReply, 0, len(users)), NextCursor: cursor}
	for i := range users {
		reply.Items = append(reply.Items, userReplyOf(&users[i]))
	}
	x.answerJSON(200, reply)
}

// changeUserAccount changes the role of an account, or disables it. Its sessions end. Nobody
// does it to the own account, so that no mistake shuts out the one who makes it.
func changeUserAccount(x *exchange) {
	id, ok := x.pathID("id")
	if !ok {
		return
	}
	var body userChangeBody
	if !x.decode(&body) {
		return
	}
	if id == x.principal.ID {
		x.fail(inventory.CodeInvalidTransition, "Your own account is changed by another admin.")
		return
	}
	entry := x.entry("", id.String(), "")
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := x.server.changeUser(ctx, id, persistence.UserChange{At: x.now, Audit: &entry, Edit: func(user *persistence.User) error {
		entry.Action = ""
		if user.Role == persistence.Role(body.Role) && user.Disabled == body.Disabled {
			return nil
		}
		entry.Action = persistence.AuditUserChange
		entry.Detail = fmt.Sprintf("role %s to %s, disabled %t to %t", user.Role, body.Role, user.Disabled, body.Disabled)
		user.Role, user.Disabled = persistence.Role(body.Role), body.Disabled
		user.Version++
		return nil
	}})
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "There is no account with this id.")
	case err != nil:
		x.failWrite("changing an account", err, repeatAdvice)
	default:
		x.answerJSON(200, userReplyOf(&user))
	}
}
