package cloudfront

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	api "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
)

const defaultTimeout = 10 * time.Second

// account is the API of one AWS account. It is safe for concurrent use.
type account struct {
	calls         *api.Client
	credential    *provider
	group         string   // id of the key group
	distributions []string // ids, of those that trust it
	timeout       time.Duration
}

// newAccount makes no call.
func newAccount(opened platforms.Account, group string, distributions []string) (*account, error) {
	id, key, err := checkCredential(opened)
	if err != nil {
		return nil, err
	}
	a := &account{credential: newProvider(id, key), group: group, distributions: distributions, timeout: opened.Timeout}
	if a.timeout == 0 {
		a.timeout = defaultTimeout
	}
	transport := opened.Transport
	if transport == nil {
		transport = client.NewTransport(false)
	}
	options := api.Options{
		Region: region, Credentials: a.credential, HTTPClient: strict{transport: transport},
		Retryer: aws.NopRetryer{}, // the rotation knows which call may be tried again
		Logger:  logging.Nop{},
	}
	if base := opened.Settings["url"]; base != "" {
		parsed, err := client.ParseBase(base)
		if err != nil {
			return nil, fmt.Errorf("url: %w", err)
		}
		options.BaseEndpoint = aws.String(parsed.String())
	}
	a.calls = api.New(options)
	return a, nil
}

// call makes one call with AWS's library, bounded in time, and explains its error.
func call[In, Out any](ctx context.Context, a *account, do func(context.Context, *In, ...func(*api.Options)) (*Out, error), in *In) (*Out, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	out, err := do(ctx, in)
	if err != nil {
		return nil, a.explain(err)
	}
	return out, nil
}

// refusedCodes are refusals of a credential, with any status.
var refusedCodes = []string{
	"AccessDenied", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId", "MissingAuthenticationToken",
	"MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired", "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
}

func throttles(code string) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known
}

// explain makes an error of AWS's library one of a Registrar, without what the library
// quotes in it.
func (a *account) explain(err error) error {
	if missing, ok := errors.AsType[*noCredential](err); ok {
		return missing
	}
	words := a.credential.words()
	answered, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || answered.HTTPStatusCode() == 0 {
		return words.Unclear("no answer", 0, err)
	}
	status := answered.HTTPStatusCode()
	if status/100 == 2 {
		return words.Unclear("answer not understood", status, err)
	}
	var code, text string
	if said, ok := errors.AsType[smithy.APIError](err); ok {
		code, text = said.ErrorCode(), said.ErrorMessage()
	}
	refusal := words.Refusal(status, headerOf(answered), code, text)
	switch {
	case throttles(code):
		refusal.Means = keyrotation.ErrThrottled
		refusal.After = client.RetryAfter(headerOf(answered), time.Now())
	case slices.Contains(refusedCodes, code):
		refusal.Means = keyrotation.ErrUnauthorized
	}
	return refusal
}

func headerOf(answered *awshttp.ResponseError) http.Header {
	if answered.Response == nil || answered.Response.Response == nil {
		return http.Header{}
	}
	return answered.Response.Header
}

// refusedWith reports whether a call was answered with one of some statuses.
func refusedWith(err error, statuses ...int) bool {
	status, ok := errors.AsType[*client.StatusError](err)
	return ok && slices.Contains(statuses, status.Status)
}
