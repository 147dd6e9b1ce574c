package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxBody  = 1 << 20
	maxDepth = 32
)

var errTooLong = fmt.Errorf("longer than %d bytes", maxBody)

// readBody reads all of it, or nothing that is worth looking at.
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errTooLong
	}
	return body, err
}

// Decode reads one JSON value, as Do does. Duplicate members, other spellings of a name,
// invalid UTF-8, deep nesting and anything after the value are errors; members
// that into does not have are not.
func Decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errors.New("empty")
	}
	if err := checkDepth(body); err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

func checkDepth(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := dec.ReadToken(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if dec.StackDepth() > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
	}
}
