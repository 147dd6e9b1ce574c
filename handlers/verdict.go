package handlers

import "playtoken/platforms"

// NewInspection shows what a platform says about a token of its own kind.
func NewInspection(v platforms.Verdict) Inspection {
	a := Inspection{Reasons: []string{}, Header: v.Header, Claims: v.Claims}
	for _, reason := range v.Reasons {
		a.refuse(reason.Code, reason.Detail)
	}
	a.Valid = len(a.Reasons) == 0
	return a
}
