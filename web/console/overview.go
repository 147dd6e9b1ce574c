package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// overview is what the first page shows.
type overview struct {
	Replica   Replica
	Rate      rate // of this replica, of all projects
	Ready     bool // some project could mint now
	Attention []overviewRow
	More      int // rows that need attention and are not shown
	States    []stateCount
	Rows      []overviewRow
	Known     familiar
	Again     string // the address of this page
	Projects  int    // that match
	Search    string
	Previous  string // the address of the page before; "": this is the first
	Next      string
}

// stateCount is how many projects or findings are in a state.
type stateCount struct {
	State badge
	Count int
}

// overviewRow is one project.
type overviewRow struct {
	Project project
	Status  status
	Seen    bool // its status is known
	Rate    rate
	Advice  []advised // what needs attention
}

// State is the project's state in a word.
func (r overviewRow) State() badge {
	if !r.Seen {
		return badge{plain, "being looked at"}
	}
	return r.Status.State()
}

const (
	shownAttention = 12
	rowsPerPage    = 50
)

var urgency = map[tone]int{bad: 0, warn: 1, plain: 2, good: 3}

func showOverview(v *visit) (any, error) {
	known, err := v.console.known.read(v)
	if err != nil {
		return nil, err
	}
	shown := overview{Known: known, Again: v.request.URL.RequestURI(), Replica: v.console.replica(), Search: strings.TrimSpace(v.request.URL.Query().Get("q"))}
	shown.Ready = v.get("/readyz", &struct{}{}) == nil
	rates := v.console.history.rates()
	for _, r := range rates {
		shown.Rate = shown.Rate.plus(r)
	}
	for i := range known.Rows {
		known.Rows[i].Rate = rates[known.Rows[i].Project.ID]
	}
	shown.attend(v.person, known.Rows)
	shown.page(known.Rows, v.request.URL.Query().Get("page"))
	return shown, nil
}

// attend picks what needs attention, the most urgent first, and counts states.
func (o *overview) attend(person Person, rows []overviewRow) {
	counts := map[badge]int{}
	var urgent []overviewRow
	for _, row := range rows {
		state := row.State()
		counts[state]++
		if state.Tone == bad || state.Tone == warn {
			urgent = append(urgent, row)
		}
	}
	slices.SortStableFunc(urgent, func(a, b overviewRow) int {
		return cmp.Compare(urgency[a.State().Tone], urgency[b.State().Tone])
	})
	shown := min(len(urgent), shownAttention)
	o.Attention, o.More = urgent[:shown], len(urgent)-shown
	for i := range o.Attention {
		row := &o.Attention[i]
		row.Advice = advise(person, row.Project.ID, slices.DeleteFunc(slices.Clone(row.Status.Findings), func(f finding) bool { return f.Tone() == plain }))
	}
	o.States = countsOf(counts)
}

// countsOf are counts in the order of urgency.
func countsOf(counts map[badge]int) (all []stateCount) {
	for state, n := range counts {
		all = append(all, stateCount{state, n})
	}
	slices.SortFunc(all, func(a, b stateCount) int {
		return cmp.Or(cmp.Compare(urgency[a.State.Tone], urgency[b.State.Tone]), cmp.Compare(a.State.Word, b.State.Word))
	})
	return all
}

// page picks the rows of one page, of the projects that are searched for.
func (o *overview) page(rows []overviewRow, asked string) {
	if o.Search != "" {
		rows = slices.DeleteFunc(rows, func(r overviewRow) bool {
			return !strings.Contains(strings.ToLower(r.Project.Name+" "+r.Project.ID+" "+r.Project.Platform), strings.ToLower(o.Search))
		})
	}
	if o.Projects = len(rows); o.Search == "" {
		o.Projects = o.Known.Total
	}
	number, _ := strconv.Atoi(asked)
	number = min(max(number, 1), max(1, (o.Projects+rowsPerPage-1)/rowsPerPage))
	first := min((number-1)*rowsPerPage, len(rows)) // what is not listed yet is on the later pages
	o.Rows = rows[first:min(first+rowsPerPage, len(rows))]
	if number > 1 {
		o.Previous = o.at(number - 1)
	}
	if number*rowsPerPage < o.Projects {
		o.Next = o.at(number + 1)
	}
}

func (o *overview) at(page int) string {
	query := url.Values{"page": {strconv.Itoa(page)}}
	if o.Search != "" {
		query.Set("q", o.Search)
	}
	return Path + "?" + query.Encode()
}

// Mints and MintsNothing are for the template.
func (overview) Mints() badge        { return badge{good, "mints"} }
func (overview) MintsNothing() badge { return badge{bad, "cannot mint"} }
