package viewers

import (
	"strings"
	"time"
)

// facts are everything that a rule and a webhook get, under the same names.
type facts struct {
	ProjectID string       `json:"project_id"`
	VideoID   string       `json:"video_id"`
	Viewer    viewerFacts  `json:"viewer"`
	Request   requestFacts `json:"request"`
	Now       time.Time    `json:"now"` // whole seconds
	RequestID string       `json:"request_id"`
}

type viewerFacts struct {
	ID     string         `cel:"id" json:"id"`
	Issuer string         `cel:"issuer" json:"issuer"`
	IP     string         `cel:"ip" json:"ip,omitempty"`
	Claims map[string]any `cel:"claims" json:"claims"` // never nil
}

type requestFacts struct {
	Caller    string `cel:"caller" json:"caller"`
	ProjectID string `cel:"project_id" json:"project_id"`
	ExpiresIn int64  `cel:"expires_in" json:"expires_in"` // seconds
	Origin    string `cel:"origin" json:"origin"`
	IP        string `cel:"ip" json:"ip"`
}

func factsOf(projectID string, request Request, now time.Time) facts {
	claims := request.Viewer.Claims
	if claims == nil {
		claims = map[string]any{}
	}
	return facts{
		ProjectID: projectID,
		VideoID:   request.VideoID,
		Viewer: viewerFacts{
			ID: request.Viewer.ID, Issuer: request.Viewer.Issuer, IP: request.Viewer.IP, Claims: claims,
		},
		Request: requestFacts{
			Caller: string(request.Caller), ProjectID: projectID, ExpiresIn: int64(request.ExpiresIn / time.Second),
			Origin: request.Origin, IP: request.IP,
		},
		Now:       now.UTC().Truncate(time.Second),
		RequestID: request.RequestID,
	}
}

const maxText = 200

// brief makes text from outside fit for one line of a log.
func brief(text string) string {
	text = strings.Join(strings.FieldsFunc(text[:min(len(text), 4*maxText)], unprintable), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}
