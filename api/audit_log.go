package api

import (
	"context"
	"encoding/hex"

	"holdfast/inventory"
	"holdfast/persistence"
)

// entry returns an entry of the audit log about what the caller does. Of customers it has no
// address: the record cannot forget, and they may ask for it.
func (x *exchange) entry(action, subject, detail string) persistence.AuditEntry {
	entry := persistence.AuditEntry{At: x.now, Actor: x.principal.ID, Action: action, Subject: subject, Detail: detail}
	if x.principal.Role == persistence.RoleAdmin || x.principal.Role == persistence.RoleService {
		entry.Address = x.peer().String()
	}
	return entry
}

// entryOf is entry about what somebody does to an account who has shown to own it, and has
// no session yet.
func (x *exchange) entryOf(action string, account inventory.ID, detail string) persistence.AuditEntry {
	entry := x.entry(action, account.String(), detail)
	entry.Actor = account
	return entry
}

// note appends to the audit log what has happened already to an account. When that fails,
// the log of the program has it.
func (x *exchange) note(ctx context.Context, action string, account inventory.ID, detail string) {
	x.appendAudit(ctx, x.entryOf(action, account, detail))
}

func (x *exchange) appendAudit(ctx context.Context, entry persistence.AuditEntry) {
	if err := x.server.store.AppendAudit(ctx, entry); err != nil {
		x.server.log.Error("the audit log could not be written", "action", entry.Action, "subject", entry.Subject, "error", err, "request_id", string(x.requestID))
	}
}

// listAudit lists the audit log, newest first.
func listAudit(x *exchange) {
	p, ok := x.page("")
	if !ok {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	entries, err := x.server.store.AuditEntries(ctx, persistence.AuditFilter{Before: p.start.Number, Limit: p.limit + 1})
	if err != nil {
		x.failStore("reading the audit log", err)
		return
	}
	entries, cursor := endPage(x, &p, entries, func(e *persistence.AuditEntry) persistence.Place { return persistence.Place{Number: e.Number} })
	reply := auditPage{Items: make([]auditItem, 0, len(entries)), NextCursor: cursor}
	for i := range entries {
		reply.Items = append(reply.Items, auditItemOf(&entries[i]))
	}
	x.answerJSON(200, reply)
}

func auditItemOf(entry *persistence.AuditEntry) auditItem {
	return auditItem{Number: entry.Number, At: instantText(entry.At), Actor: idOrNull(entry.Actor), Action: entry.Action, Subject: entry.Subject,
		Detail: entry.Detail, Address: entry.Address, Hash: hex.EncodeToString(entry.Hash[:])}
}
