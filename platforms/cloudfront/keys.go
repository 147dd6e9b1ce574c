package cloudfront

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/store"
)

var _ platforms.KeyObjects = (*account)(nil)

const (
	listTimeout = time.Minute // all pages of one list
	marker      = "Marker"
)

var (
	objectID = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	// markers are opaque, and no addresses.
	markers = regexp.MustCompile(`^[A-Za-z0-9+/=_-]{1,512}$`)
)

var errID = errors.New("not an id of CloudFront")

// Create implements [platforms.KeyObjects]. The reference is made of the key, so that
// a request which arrives twice makes one object.
func (a *account) Create(ctx context.Context, name, publicKey string) (string, error) {
	made, err := call(ctx, a, a.calls.CreatePublicKey, &api.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{
		CallerReference: aws.String("playtoken-" + keyrotation.Fingerprint(publicKey)),
		Name:            aws.String(nameOf(name)),
		Comment:         aws.String(name),
		EncodedKey:      aws.String(publicKey),
	}})
	if err != nil {
		return "", fmt.Errorf("create public key: %w", err)
	}
	key, err := shown(made.PublicKey)
	if err == nil && keyrotation.MatchPublicKey(key.PublicKey, publicKey) == keyrotation.Different {
		err = errors.New("the answer is about another public key")
	}
	if err != nil {
		return "", fmt.Errorf("create public key: %w", err)
	}
	return key.ID, nil
}

// nameOf is a name that CloudFront takes: letters, digits, dashes and underscores. The
// name itself is the comment.
func nameOf(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && objectID.MatchString(string(r)) || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
}

// shown refuses an object without a usable id. A public key that cannot be read has no
// fingerprint.
func shown(key *types.PublicKey) (keyrotation.PlatformKey, error) {
	if key == nil || key.PublicKeyConfig == nil {
		return keyrotation.PlatformKey{}, errors.New("the answer holds no key")
	}
	c := key.PublicKeyConfig
	return platformKey(types.PublicKeySummary{Id: key.Id, Name: c.Name, Comment: c.Comment, EncodedKey: c.EncodedKey, CreatedTime: key.CreatedTime})
}

func platformKey(key types.PublicKeySummary) (keyrotation.PlatformKey, error) {
	if !objectID.MatchString(aws.ToString(key.Id)) {
		return keyrotation.PlatformKey{}, errors.New("the answer holds no usable key id")
	}
	name, public := aws.ToString(key.Name), aws.ToString(key.EncodedKey)
	if said := aws.ToString(key.Comment); nameOf(said) == name {
		name = said
	}
	return keyrotation.PlatformKey{
		ID: *key.Id, Name: name, PublicKey: public, Fingerprint: keyrotation.Fingerprint(public), CreatedAt: aws.ToTime(key.CreatedTime).UTC(),
	}, nil
}

// All implements [platforms.KeyObjects].
func (a *account) All(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	keys, err := client.Pages(nil, func(at url.Values) ([]keyrotation.PlatformKey, url.Values, error) { return a.page(ctx, at) })
	if err != nil {
		return nil, fmt.Errorf("list public keys: %w", err)
	}
	return keys, nil
}

// page reads one page, and where the next one begins.
func (a *account) page(ctx context.Context, at url.Values) ([]keyrotation.PlatformKey, url.Values, error) {
	in := &api.ListPublicKeysInput{}
	if at.Get(marker) != "" {
		in.Marker = aws.String(at.Get(marker))
	}
	out, err := call(ctx, a, a.calls.ListPublicKeys, in)
	if err != nil {
		return nil, nil, err
	}
	list := out.PublicKeyList
	if list == nil || int(aws.ToInt32(list.Quantity)) != len(list.Items) {
		return nil, nil, errors.New("the answer holds no whole list")
	}
	keys := make([]keyrotation.PlatformKey, len(list.Items))
	for i, item := range list.Items {
		if keys[i], err = platformKey(item); err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	next := aws.ToString(list.NextMarker)
	switch {
	case next == "":
		return keys, nil, nil
	case !markers.MatchString(next):
		return nil, nil, errors.New("the marker of the next page cannot be one")
	}
	return keys, url.Values{marker: {next}}, nil
}

// One implements [platforms.KeyObjects].
func (a *account) One(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	out, err := a.one(ctx, keyID)
	if err != nil {
		return keyrotation.PlatformKey{}, err
	}
	return shown(out.PublicKey)
}

func (a *account) one(ctx context.Context, keyID string) (*api.GetPublicKeyOutput, error) {
	if !objectID.MatchString(keyID) {
		return nil, errID
	}
	out, err := call(ctx, a, a.calls.GetPublicKey, &api.GetPublicKeyInput{Id: aws.String(keyID)})
	switch {
	case refusedWith(err, http.StatusNotFound):
		return nil, fmt.Errorf("get public key: %w: %w", store.ErrNotFound, err)
	case err != nil:
		return nil, fmt.Errorf("get public key: %w", err)
	case out.PublicKey == nil || aws.ToString(out.PublicKey.Id) != keyID:
		return nil, errors.New("get public key: the answer is about another key")
	}
	return out, nil
}

// Remove implements [platforms.KeyObjects].
func (a *account) Remove(ctx context.Context, keyID string) error {
	out, err := a.one(ctx, keyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = call(ctx, a, a.calls.DeletePublicKey, &api.DeletePublicKeyInput{Id: aws.String(keyID), IfMatch: out.ETag})
	if err != nil && !refusedWith(err, http.StatusNotFound) {
		return fmt.Errorf("delete public key: %w", err)
	}
	return nil
}
