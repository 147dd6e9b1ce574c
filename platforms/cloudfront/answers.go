package cloudfront

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxAnswer = 1 << 20 // bytes
	maxDepth  = 32
)

// strict sends a request once, follows no redirect, and hands AWS's library an answer
// only in whole: that library reads bodies of any length, and takes what it does not
// find in one for empty.
type strict struct{ transport http.RoundTripper }

// Do is what AWS's library calls.
func (s strict) Do(r *http.Request) (*http.Response, error) {
	resp, err := s.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode/100 != 2:
		body = body[:min(len(body), maxAnswer)] // the status decides, even if the body could not be read
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case resp.StatusCode != http.StatusNoContent:
		if err := checkXML(body); err != nil {
			return nil, fmt.Errorf("answer not understood: %w", err)
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// roots are the elements that answers are.
var roots = []string{"PublicKey", "PublicKeyList", "KeyGroup", "Distribution"}

// checkXML refuses what different readers would read differently, and what is no answer
// of this API.
func checkXML(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var open []element
	ended := false
	for {
		token, err := decoder.Token()
		if err == io.EOF && ended {
			return nil
		}
		if err != nil {
			return errors.New("it is not XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if open, err = begin(open, token.Name.Local, ended); err != nil {
				return err
			}
		case xml.EndElement:
			open = open[:len(open)-1]
			ended = len(open) == 0
		case xml.CharData:
			if len(open) == 0 && strings.TrimSpace(string(token)) != "" {
				return errors.New("there is text around the XML")
			}
		case xml.Directive:
			return errors.New("it has a document type")
		}
	}
}

// element is one that has not ended, with the names in it so far.
type element struct {
	name string
	seen []string
}

// begin opens an element. Of the objects that are written here, only lists have
// elements twice.
func begin(open []element, name string, ended bool) ([]element, error) {
	if len(open) == 0 {
		if ended || !slices.Contains(roots, name) {
			return nil, errors.New("it is about something else")
		}
		return append(open, element{name: name}), nil
	}
	parent := &open[len(open)-1]
	if open[0].name != "Distribution" && parent.name != "Items" && slices.Contains(parent.seen, name) {
		return nil, errors.New("an element is in it twice")
	}
	parent.seen = append(parent.seen, name)
	if len(open) == maxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	return append(open, element{name: name}), nil
}
