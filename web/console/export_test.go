package console

// ButtonCodes are the codes of findings that have a button.
func ButtonCodes() (codes []string) {
	for code := range buttons {
		codes = append(codes, code)
	}
	return codes
}
