package browsertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// bidi is a session of WebDriver BiDi (https://w3c.github.io/webdriver-bidi/):
// commands and their answers, told apart by a number.
type bidi struct {
	socket *websocket.Conn
	mu     sync.Mutex
	last   int
	wait   map[int]chan reply // for the answer to a command
}

type reply struct {
	ID      int             `json:"id"`
	Type    string          `json:"type"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Result  json.RawMessage `json:"result"`
}

func dial(t *testing.T, address string) (*bidi, error) {
	socket, _, err := websocket.Dial(t.Context(), address+"/session", nil)
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(64 << 20) // a screenshot is one message
	b := &bidi{socket: socket, wait: map[int]chan reply{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.read()
	}()
	t.Cleanup(func() {
		socket.CloseNow()
		<-ended
	})
	return b, b.do("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
}

// read hands each answer to the command that waits for it, until the
// connection ends.
func (b *bidi) read() {
	for {
		var r reply
		_, text, err := b.socket.Read(context.Background())
		b.mu.Lock()
		if err != nil {
			for _, answer := range b.wait {
				close(answer)
			}
			b.wait = nil
			b.mu.Unlock()
			return
		}
		if json.Unmarshal(text, &r) == nil && b.wait[r.ID] != nil {
			b.wait[r.ID] <- r
			delete(b.wait, r.ID)
		}
		b.mu.Unlock()
	}
}

var errGone = errors.New("firefox has gone")

// do sends a command and reads its result.
func (b *bidi) do(method string, params, result any) error {
	ctx, stop := context.WithTimeout(context.Background(), longest)
	defer stop()
	answer := make(chan reply, 1)
	b.mu.Lock()
	if b.wait == nil {
		b.mu.Unlock()
		return errGone
	}
	b.last++
	id := b.last
	b.wait[id] = answer
	b.mu.Unlock()
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err == nil {
		err = b.socket.Write(ctx, websocket.MessageText, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return receive(ctx, method, answer, result)
}

func receive(ctx context.Context, method string, answer <-chan reply, result any) error {
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return errGone
		case r.Type != "success":
			return fmt.Errorf("%s: %s: %s", method, r.Error, r.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(r.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: no answer within %v", method, longest)
	}
}

// page opens a window in a container of its own, which keeps its own cookies.
func (b *bidi) page(t *testing.T) (driver, error) {
	var container struct{ UserContext string }
	if err := b.do("browser.createUserContext", map[string]any{}, &container); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = b.do("browser.removeUserContext", container, nil) }) // Firefox may have ended
	var tab firefoxTab
	err := b.do("browsingContext.create", map[string]any{"type": "window", "userContext": container.UserContext}, &tab)
	tab.bidi = b
	return tab, err
}

type firefoxTab struct {
	bidi    *bidi
	Context string
}

func (f firefoxTab) navigate(url string) error {
	return f.bidi.do("browsingContext.navigate", map[string]any{"context": f.Context, "url": url, "wait": "complete"}, nil)
}

func (f firefoxTab) evaluate(expression string) (string, error) {
	var out struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := f.bidi.do("script.evaluate", map[string]any{"expression": expression, "awaitPromise": true,
		"target": map[string]any{"context": f.Context}, "userActivation": true}, &out)
	if err == nil && out.Type != "success" {
		err = errors.New(out.ExceptionDetails.Text)
	}
	return out.Result.Value, err
}

func (f firefoxTab) press(key string) error {
	if n, ok := namedKeys[key]; ok {
		key = n.firefox
	}
	// Keys go to the tab in front.
	if err := f.bidi.do("browsingContext.activate", map[string]any{"context": f.Context}, nil); err != nil {
		return err
	}
	return f.bidi.do("input.performActions", map[string]any{"context": f.Context, "actions": []any{map[string]any{
		"type": "key", "id": "keyboard",
		"actions": []any{map[string]any{"type": "keyDown", "value": key}, map[string]any{"type": "keyUp", "value": key}},
	}}}, nil)
}

func (f firefoxTab) resize(width, height int) error {
	return f.bidi.do("browsingContext.setViewport", map[string]any{"context": f.Context,
		"viewport": map[string]any{"width": width, "height": height}}, nil)
}

func (f firefoxTab) screenshot() ([]byte, error) {
	var out struct{ Data string }
	err := f.bidi.do("browsingContext.captureScreenshot", map[string]any{"context": f.Context, "origin": "document"}, &out)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(out.Data)
}

func (f firefoxTab) scripts(bool) error { return errors.New("a running Firefox cannot be told to") }

func (f firefoxTab) dark() error { return errors.New("a running Firefox cannot be told to") }
