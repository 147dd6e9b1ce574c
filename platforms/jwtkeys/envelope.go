package jwtkeys

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/client"

	"github.com/go-json-experiment/json/jsontext"
)

// envelope is around every answer. What is in it depends on the call.
type envelope struct {
	Success bool           `json:"success"`
	Result  jsontext.Value `json:"result"`
	Links   jsontext.Value `json:"links"` // {} or null where there is no other page
	Errors  jsontext.Value `json:"errors"`
}

type newKey struct {
	Name      string `json:"name"`
	PublicKey string `json:"public_key"`
}

// row is a key as the platform shows it. Pointers tell "absent" apart only
// where that matters.
type row struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	CreatedTime string `json:"created_time"`
}

// check is the platform's own word on whether it did what was asked.
func (e *envelope) check() error {
	if !e.Success {
		return errors.New("the answer does not say success")
	}
	return nil
}

func (e *envelope) key() (keyrotation.PlatformKey, error) {
	var r row
	if err := e.result(&r); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	return r.key()
}

func (e *envelope) keys() ([]keyrotation.PlatformKey, error) {
	var rows []row
	if err := e.result(&rows); err != nil {
		return nil, err
	}
	if rows == nil { // null is not an empty list
		return nil, errors.New("the answer holds no list")
	}
	keys := make([]keyrotation.PlatformKey, len(rows))
	for i, r := range rows {
		var err error
		if keys[i], err = r.key(); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return keys, nil
}

func (e *envelope) result(into any) error {
	if err := e.check(); err != nil {
		return err
	}
	if err := client.Decode(e.Result, into); err != nil {
		return errors.New("the answer's result is not what was asked for")
	}
	return nil
}

// key refuses an id that could not be used in a path. A public key that cannot be
// parsed belongs to another program, and has no fingerprint.
func (r row) key() (keyrotation.PlatformKey, error) {
	if !IsID(r.ID) {
		return keyrotation.PlatformKey{}, errors.New("the answer holds no usable key id")
	}
	created, err := time.Parse(time.RFC3339, r.CreatedTime)
	if err != nil {
		created = time.Time{}
	}
	return keyrotation.PlatformKey{
		ID:          r.ID,
		Name:        r.Name,
		PublicKey:   r.PublicKey,
		Fingerprint: keyrotation.Fingerprint(r.PublicKey),
		CreatedAt:   created.UTC(),
	}, nil
}

// next returns the query of the next page, or nil on the last page.
func (e *envelope) next(page *url.URL) (url.Values, error) {
	var links struct {
		Next string `json:"next"`
	}
	if len(e.Links) > 0 && client.Decode(e.Links, &links) != nil {
		return nil, errors.New("the answer's links cannot be read")
	}
	return client.NextPage(page, links.Next)
}

// explain reads what a refusal says. The form of an error is not documented;
// texts, and objects with a code and a message, are understood.
func explain(body []byte) (code, text string) {
	var answer struct {
		Errors []jsontext.Value `json:"errors"`
	}
	if client.Decode(body, &answer) != nil || len(answer.Errors) == 0 {
		return "", ""
	}
	first := answer.Errors[0]
	if client.Decode(first, &text) == nil {
		return "", text
	}
	var object struct {
		Code    jsontext.Value `json:"code"`
		Message jsontext.Value `json:"message"`
	}
	if client.Decode(first, &object) != nil {
		return "", ""
	}
	return scalar(object.Code), scalar(object.Message)
}

// scalar is the text of a string or a number; nothing else has one.
func scalar(value jsontext.Value) string {
	var text string
	if len(value) == 0 || client.Decode(value, &text) == nil {
		return text
	}
	if value.Kind() == '0' {
		return string(value)
	}
	return ""
}
