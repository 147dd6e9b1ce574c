package apivideo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
	"playtoken/store"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"
)

const (
	maxName      = 50 // characters; the platform documents no bound of its own
	pageSize     = 100
	listTimeout  = time.Minute // all pages of one list
	adminTimeout = 10 * time.Second
	adminRate    = 10 // calls in a second
)

// values is what an API key may look like. It becomes a Basic user name.
var values = regexp.MustCompile(`^[!-9;-~]{8,512}$`)

// keys are the API keys of one project. The platform shows their values again
// in every list and to every Get; all but the answer to Issue forgets them
// unread.
type keys struct {
	api     *client.Client
	pace    *rate.Limiter
	project string
}

var _ keyrotation.Issuer = (*keys)(nil)

func newKeys(a account) (*keys, error) {
	timeout := adminTimeout
	if a.Timeout != 0 {
		timeout = a.Timeout
	}
	api, err := client.New(client.Config{
		Base:       a.admin,
		Credential: a.adminKey,
		Authorize:  client.Basic,
		Explain:    explain,
		Timeout:    timeout,
		Transport:  a.Transport,
	})
	if err != nil {
		return nil, err
	}
	return &keys{api: api, pace: rate.NewLimiter(adminRate, 1), project: a.project}, nil
}

// do makes a call when its turn has come. It is not a client.Pace: after a 429
// that would hold back every call, and it is the rotation that knows which one
// can wait and which, like the end of a stolen key, must be tried.
func (k *keys) do(ctx context.Context, call client.Call) error {
	if err := k.pace.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the Admin API's rate limit: %w", err)
	}
	return k.api.Do(ctx, call)
}

// row is an API key as the platform shows it.
type row struct {
	ProjectID string `json:"project_id"`
	ID        string `json:"api_key_id"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
}

// page is a part of a list.
type page struct {
	Items []row  `json:"items"`
	Links []link `json:"links"`
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// issued is the answer that the value is read from. A value of another type
// is looked at here, since the error of a decoder would quote it.
type issued struct {
	row
	Value jsontext.Value `json:"value"`
}

// Issue asks for a key once. Besides what the platform refuses, a name that it
// might refuse is keyrotation.ErrRefused. An answer without a usable id and
// value, or about another key, tells nothing about what was made.
func (k *keys) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	key, err := k.issue(ctx, name)
	if err != nil {
		return keyrotation.IssuedKey{}, fmt.Errorf("issue API key: %w", err)
	}
	return key, nil
}

func (k *keys) issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	none := keyrotation.IssuedKey{}
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return none, fmt.Errorf("%w: name: want 1 to %d characters, none of them control characters", keyrotation.ErrRefused, maxName)
	}
	var answer issued
	err := k.do(ctx, client.Call{
		Method: http.MethodPost, Path: k.path(), Body: map[string]string{"name": name}, Into: &answer,
	})
	if err != nil {
		return none, err
	}
	key, err := answer.key(k.project)
	if err != nil {
		return none, err
	}
	if keyrotation.MatchName(key.Name, name) == keyrotation.Different {
		return none, errors.New("the answer is about another name")
	}
	var value string
	if client.Decode(answer.Value, &value) != nil || !values.MatchString(value) {
		return none, errors.New("the answer holds no usable value")
	}
	return keyrotation.IssuedKey{ID: key.ID, Value: []byte(value)}, nil
}

// Get asks for one key.
func (k *keys) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	key, err := k.get(ctx, keyID)
	if err != nil {
		return keyrotation.PlatformKey{}, fmt.Errorf("get API key: %w", err)
	}
	return key, nil
}

func (k *keys) get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	none := keyrotation.PlatformKey{}
	path, err := k.keyPath(keyID)
	if err != nil {
		return none, err
	}
	var answer row
	if err := k.do(ctx, client.Call{Method: http.MethodGet, Path: path, Into: &answer}); err != nil {
		if hasStatus(err, http.StatusNotFound) {
			err = fmt.Errorf("%w: %w", store.ErrNotFound, err)
		}
		return none, err
	}
	key, err := answer.key(k.project)
	if err == nil && key.ID != keyID {
		return none, errors.New("the answer is about another key id")
	}
	return key, err
}

// Delete removes one key, for good.
func (k *keys) Delete(ctx context.Context, keyID string) error {
	path, err := k.keyPath(keyID)
	if err != nil {
		return fmt.Errorf("delete API key: %w", err)
	}
	err = k.do(ctx, client.Call{Method: http.MethodDelete, Path: path})
	if err != nil && !hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("delete API key: %w", err)
	}
	return nil
}

// List reads all pages, at most a hundred.
func (k *keys) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	keys, err := k.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

func (k *keys) list(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	// By age: a key that is made meanwhile is on the last page, and moves none.
	first := url.Values{"page_size": {strconv.Itoa(pageSize)}, "page": {"1"}, "sort_by": {"created_at"}, "sort_order": {"asc"}}
	pages := 0
	keys, err := client.Pages(first, func(query url.Values) ([]keyrotation.PlatformKey, url.Values, error) {
		pages++
		return k.page(ctx, query)
	})
	if err == nil && pages > 1 {
		err = k.complete(ctx, len(keys))
	}
	return keys, err
}

// complete compares a list of several pages with the platform's own count: a
// key that was deleted meanwhile moves those behind it, and one of them into
// the gap between two pages.
func (k *keys) complete(ctx context.Context, listed int) error {
	var answer struct {
		Count *int `json:"count"`
	}
	if err := k.do(ctx, client.Call{Method: http.MethodGet, Path: k.path() + "/count", Into: &answer}); err != nil {
		return err
	}
	if answer.Count == nil || *answer.Count != listed {
		return errors.New("the list is not as long as the platform says")
	}
	return nil
}

// page reads one page and returns the query of the next, nil if it is the
// last.
func (k *keys) page(ctx context.Context, query url.Values) ([]keyrotation.PlatformKey, url.Values, error) {
	var answer page
	if err := k.do(ctx, client.Call{Method: http.MethodGet, Path: k.path(), Query: query, Into: &answer}); err != nil {
		return nil, nil, err
	}
	if answer.Items == nil { // null is not an empty list
		return nil, nil, errors.New("the answer holds no list")
	}
	keys := make([]keyrotation.PlatformKey, len(answer.Items))
	for i, r := range answer.Items {
		var err error
		if keys[i], err = r.key(k.project); err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	next, err := answer.next(k.api.URL(k.path(), query), k.path())
	return keys, next, err
}

// key refuses a key of another project, and an id that could not be used
// again.
func (r row) key(project string) (keyrotation.PlatformKey, error) {
	if !ids.MatchString(r.ID) {
		return keyrotation.PlatformKey{}, errors.New("the answer holds no usable key id")
	}
	if r.ProjectID != project {
		return keyrotation.PlatformKey{}, errors.New("the answer is about another project")
	}
	created, err := time.Parse(time.RFC3339, r.CreatedAt)
	if err != nil {
		created = time.Time{}
	}
	return keyrotation.PlatformKey{ID: r.ID, Name: r.Name, CreatedAt: created.UTC()}, nil
}

// next returns the query of the next page, nil if it is the last. Its link may
// be from the root of the Admin API, as its links are, or from where the Admin
// API was said to be.
func (p page) next(at *url.URL, path string) (url.Values, error) {
	var href string
	for _, l := range p.Links {
		if l.Rel != "next" {
			continue
		}
		if href != "" {
			return nil, errors.New("there are two links to the next page")
		}
		href = l.Href
	}
	return client.NextPage(at, href, path)
}

// check makes the smallest call that the admin key is needed for.
func (k *keys) check(ctx context.Context) error {
	var answer struct {
		ProjectID string `json:"project_id"`
		Deleted   bool   `json:"deleted"`
	}
	if err := k.do(ctx, client.Call{Method: http.MethodGet, Path: "/projects/" + k.project, Into: &answer}); err != nil {
		return err
	}
	if answer.ProjectID != k.project {
		return errors.New("the answer is about another project")
	}
	if answer.Deleted {
		return errors.New("the project is being deleted")
	}
	return nil
}

func (k *keys) path() string { return "/projects/" + k.project + "/api-keys" }

func (k *keys) keyPath(keyID string) (string, error) {
	if !ids.MatchString(keyID) || keyID == "count" { // which is another resource
		return "", errors.New("not a key id of this platform")
	}
	return k.path() + "/" + keyID, nil
}
