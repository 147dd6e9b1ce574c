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
	Signing   string `cel:"signing" json:"signing"`
	DRMPolicy string `cel:"drm_policy" json:"drm_policy"`
	BatchSize int64  `cel:"batch_size" json:"batch_size"`
	Origin    string `cel:"origin" json:"origin"`
	IP        string `cel:"ip" json:"ip"`
	ViewerIP  string `cel:"viewer_ip" json:"viewer_ip"` // as the request says, for any caller
}

func factsOf(projectID string, request Request, now time.Time) facts {
	claims := request.Viewer.Claims
	if claims == nil {
		claims = map[string]any{}
	}
	// A viewer's address is where the viewer calls from. Only a back end, which
	// calls for the viewer, can say another one.
	viewerIP := request.Viewer.IP
	if request.Caller == ByViewer {
		viewerIP = request.IP
	}
	return facts{
		ProjectID: projectID,
		VideoID:   request.VideoID,
		Viewer: viewerFacts{
			ID: request.Viewer.ID, Issuer: request.Viewer.Issuer, IP: viewerIP, Claims: claims,
		},
		Request: requestFacts{
			Caller: string(request.Caller), ProjectID: projectID, ExpiresIn: int64(request.ExpiresIn / time.Second),
			Signing: request.Signing, DRMPolicy: request.DRMPolicy, BatchSize: int64(request.BatchSize),
			Origin: request.Origin, IP: request.IP, ViewerIP: request.Viewer.IP,
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
