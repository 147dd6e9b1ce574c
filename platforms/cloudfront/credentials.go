package cloudfront

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/secret"
)

// region is where CloudFront's API is, for all regions.
const region = "us-east-1"

// provider is where the credential of each call comes from: the access key of the
// project, or what AWS's own programs would use on this machine (the environment, a
// profile, a web identity, the role of a container or an instance). It remembers the
// newest one, so that no error repeats it.
type provider struct {
	held atomic.Pointer[aws.Credentials]

	mu   sync.Mutex
	from aws.CredentialsProvider // nil: not looked for yet
}

func newProvider(id, key secret.Value) *provider {
	p := &provider{}
	if !id.IsZero() {
		p.from = credentials.NewStaticCredentialsProvider(id.Reveal(), key.Reveal(), "")
	}
	return p
}

// noCredential is why a call was not sent. It says nothing of what a library read.
type noCredential struct {
	code    string // of AWS, which refused; empty: no answer
	refused bool
	cause   error // nil, or a context's
}

func (e *noCredential) Error() string {
	if e.code != "" {
		return "no credential of AWS: it answered " + e.code + ": look at the role that this process has"
	}
	return "no credential of AWS: set access_key_id and secret_access_key, or give this process a role"
}

// Is makes errors.Is speak a Registrar's language.
func (e *noCredential) Is(target error) bool {
	return e.refused && target == keyrotation.ErrUnauthorized
}

func (e *noCredential) Unwrap() error { return e.cause }

// Retrieve implements [aws.CredentialsProvider].
func (p *provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	from, err := p.source(ctx)
	if err != nil {
		return aws.Credentials{}, p.explain(ctx, err)
	}
	made, err := from.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, p.explain(ctx, err)
	}
	p.held.Store(&made)
	return made, nil
}

// source looks for credentials when they are needed first, and again if it failed.
func (p *provider) source(ctx context.Context) (aws.CredentialsProvider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from == nil {
		loaded, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(region), config.WithRetryMaxAttempts(1), config.WithLogger(logging.Nop{}))
		if err != nil {
			return nil, err
		}
		p.from = loaded.Credentials
	}
	return p.from, nil
}

func (p *provider) explain(ctx context.Context, err error) error {
	found := &noCredential{cause: ctx.Err()}
	if answered, ok := errors.AsType[smithy.APIError](err); ok {
		words := client.NewWords()
		said := words.Refusal(0, nil, answered.ErrorCode(), "")
		found.code, found.refused = said.Code, !throttles(said.Code)
	}
	return found
}

// words are those that may be said of a call.
func (p *provider) words() client.Words {
	held := p.held.Load()
	if held == nil {
		return client.Words{}
	}
	return client.NewWords(secret.New(held.AccessKeyID), secret.New(held.SecretAccessKey), secret.New(held.SessionToken))
}

// checkCredential reads the access key of a project, if it has one.
func checkCredential(account platforms.Account) (id, key secret.Value, err error) {
	id, key = account.Credential["access_key_id"], account.Credential["secret_access_key"]
	for name, value := range map[string]secret.Value{"access_key_id": id, "secret_access_key": key} {
		if value.IsZero() != (id.IsZero() && key.IsZero()) {
			return id, key, errors.New(name + ": missing: an access key is both, or neither, for the credential of this process")
		}
		for _, r := range value.Reveal() {
			if r <= ' ' || r > '~' {
				return id, key, errors.New(name + ": has a character that no access key has, perhaps a line end")
			}
		}
	}
	return id, key, nil
}
