package console

import (
	"encoding/csv"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const auditPage = Path + "audit"

// auditNames are the parameters of GET /v1/audit that the page passes on.
var auditNames = []string{"project_id", "actor", "action", "since", "until", "limit", "cursor"}

// auditEntry is an entry of the audit record.
type auditEntry struct {
	Seq       uint64     `json:"seq"`
	Time      *time.Time `json:"time"`
	Actor     string     `json:"actor"`
	ActorName string     `json:"actor_name"`
	Action    string     `json:"action"`
	ProjectID string     `json:"project_id"`
	Subject   string     `json:"subject"`
	Result    string     `json:"result"`
	Reason    string     `json:"reason"`
	RequestID string     `json:"request_id"`
}

// audited is a part of the record.
type audited struct {
	list[auditEntry]
	VerifiedTo *struct {
		Seq  uint64    `json:"seq"`
		Time time.Time `json:"time"`
	} `json:"verified_to"`
	Problem string `json:"problem"`
}

func showAudit(v *visit) (any, error) {
	shown := listPage{
		Title: "Audit", Columns: []string{"Time", "Who", "Did", "Project", "About", "Result", "Reason", ""},
		Empty: "No entry here fits. What this part did not show was searched.",
		Filters: []field{
			v.filter("project_id", "Project id", ""), v.filter("actor", "Actor", "The id of a key or operator, admin, scheduler or cli."),
			v.filter("action", "Action", "As in signing_key.revoke."), v.filter("since", "From", "As in 2026-03-01T00:00:00Z."), v.filter("until", "Before", ""),
		},
	}
	query := v.asked(auditNames...)
	var found audited
	err := v.get(withQuery("/v1/audit", query), &found)
	if p, refused := errors.AsType[*Problem](err); refused && p.Status == http.StatusConflict {
		shown.Notes = []badge{{plain, "The record is not kept in a file here, so it cannot be shown: " + p.Detail}}
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	shown.Notes, shown.More = []badge{found.verified()}, more(found.list, auditPage)
	for _, format := range []string{"csv", "json"} {
		shown.Acts = append(shown.Acts, link{withQuery(auditPage+"/export."+format, query), "Export this part as " + strings.ToUpper(format)})
	}
	for _, e := range found.Items {
		shown.Rows = append(shown.Rows, listRow{Cells: []cell{
			moment(e.Time), text(e.who()), code(e.Action), code(e.ProjectID), code(e.Subject), text(e.Result), text(e.Reason),
		}})
	}
	return shown, nil
}

// who is the person, or what acted.
func (e auditEntry) who() string {
	if e.ActorName != "" {
		return e.ActorName + " (" + e.Actor + ")"
	}
	return e.Actor
}

// verified says how far the chain was verified.
func (a audited) verified() badge {
	switch {
	case a.Problem != "":
		return badge{bad, "Something is wrong with the record: " + a.Problem}
	case a.VerifiedTo == nil:
		return badge{plain, "The record of this replica has no entry yet."}
	}
	return badge{good, "Every entry from the newest, or from where the page before ended, back to number " +
		strconv.FormatUint(a.VerifiedTo.Seq, 10) + " is as it was written."}
}

// exportAudit writes the part of the record that the page shows as a file.
func exportAudit(v *visit) error {
	var found audited
	if err := v.get(withQuery("/v1/audit", v.asked(auditNames...)), &found); err != nil {
		return err
	}
	header := v.response.Header()
	if v.request.PathValue("file") == "export.json" {
		data, err := json.Marshal(found.Items)
		if err != nil {
			return err
		}
		header.Set("Content-Type", "application/json")
		header.Set("Content-Disposition", `attachment; filename="audit.json"`)
		v.response.Write(data)
		return nil
	}
	header.Set("Content-Type", "text/csv; charset=utf-8")
	header.Set("Content-Disposition", `attachment; filename="audit.csv"`)
	table := csv.NewWriter(v.response)
	table.Write([]string{"seq", "time", "actor", "actor_name", "action", "project_id", "subject", "result", "reason", "request_id"})
	for _, e := range found.Items {
		at := ""
		if e.Time != nil {
			at = e.Time.UTC().Format(time.RFC3339Nano)
		}
		table.Write(inert([]string{strconv.FormatUint(e.Seq, 10), at, e.Actor, e.ActorName, e.Action, e.ProjectID, e.Subject, e.Result, e.Reason, e.RequestID}))
	}
	table.Flush()
	return table.Error()
}

// inert keeps spreadsheets from taking a text for a formula, which names and
// reasons of callers could be.
func inert(texts []string) []string {
	for i, t := range texts {
		if strings.ContainsAny(firstByte(strings.TrimLeft(t, " ")), "=+-@\t\r\n") {
			texts[i] = "'" + t
		}
	}
	return texts
}

func firstByte(t string) string { return t[:min(len(t), 1)] }

// addExport adds the files of the audit page.
func (c *Console) addExport(mux *http.ServeMux) error {
	mux.HandleFunc("GET "+auditPage+"/{file}", c.signedIn(func(v *visit) {
		var err error = &Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "The console has no page here."}
		if file := v.request.PathValue("file"); file == "export.csv" || file == "export.json" {
			err = exportAudit(v)
		}
		if err != nil {
			c.showProblem(v, err)
		}
	}))
	return nil
}
