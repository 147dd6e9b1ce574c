package console

// advised is a finding of a rotation with what to do about it: a button, and doctor's
// page, which says what it means.
type advised struct {
	Finding finding
	Act     link // the console's own remedy; zero: it has none for this person
	Doctor  string
}

// advise says what to do about the findings of a project.
func advise(person Person, project string, findings []finding) (all []advised) {
	for _, f := range findings {
		one := advised{Finding: f, Doctor: doctorOf(project)}
		b, ok := buttonFor(person, f.Code, f.Generation != nil)
		if ok && !(b.edits && project == environmentProject) {
			one.Act = link{b.at(project, f.Generation), b.label}
		}
		all = append(all, one)
	}
	return all
}
