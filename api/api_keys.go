package api

import (
	"errors"
	"strings"

	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

func keyItemOf(key *persistence.APIKey) keyItem {
	return keyItem{ID: key.ID.String(), Name: key.Name, Role: string(key.Role), CreatedAt: instantText(key.CreatedAt)}
}

// listKeys lists the API keys, without the keys themselves, which nobody has.
func listKeys(x *exchange) {
	ctx, cancel := x.storeContext()
	defer cancel()
	keys, err := x.server.store.APIKeys(ctx)
	if err != nil {
		x.failStore("listing API keys", err)
		return
	}
	reply := keyList{Items: make([]keyItem, 0, len(keys))}
	for i := range keys {
		reply.Items = append(reply.Items, keyItemOf(&keys[i]))
	}
	x.answerJSON(200, reply)
}

// makeKey makes an API key and shows it, once.
func makeKey(x *exchange) {
	var body keyBody
	if !x.decode(&body) {
		return
	}
	name := strings.TrimSpace(body.Name)
	if name == "" || strings.ContainsFunc(name, isInvisible) {
		x.failFields(fieldError{pointer: "#/name", code: fieldInvalid, detail: "It must be one line that is not empty, without invisible characters."})
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	keys, err := x.server.store.APIKeys(ctx)
	switch {
	case err != nil:
		x.failStore("listing API keys", err)
		return
	case len(keys) >= apiKeysMax:
		x.fail(inventory.CodeVersionConflict, "There are 1000 API keys: delete those that nobody uses.")
		return
	}
	text, hash := token.NewKey()
	key := persistence.APIKey{ID: identifier.Unsharded(x.now), Name: name, Role: persistence.Role(body.Role), Hash: hash, CreatedAt: x.now}
	switch err := x.server.store.CreateAPIKey(ctx, key, x.entry(persistence.AuditKeyCreate, key.ID.String(), name+", role "+body.Role)); {
	case errors.Is(err, persistence.ErrExists):
		x.answerProblem(&problem{code: inventory.CodeVersionConflict, detail: "There is an API key with this name.",
			fields: []fieldError{{pointer: "#/name", code: inventory.CodeVersionConflict, detail: "There is an API key with this name."}}})
	case err != nil:
		x.failWrite("making an API key", err, "List the keys, and delete the one that you did not get.")
	default:
		x.answerJSON(201, madeKeyReply{Item: keyItemOf(&key), Key: text})
	}
}

// deleteKey deletes an API key, which is refused from then on.
func deleteKey(x *exchange) {
	id, ok := x.pathID("id")
	if !ok {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	err := x.server.store.DeleteAPIKey(ctx, id, x.entry(persistence.AuditKeyDelete, id.String(), ""))
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "There is no API key with this id.")
	case err != nil:
		x.failWrite("deleting an API key", err, repeatAdvice)
	default:
		x.server.revocations.EndKey(id)
		x.server.endSockets()
		x.answerNothing()
	}
}
