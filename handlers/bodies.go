package handlers

import (
	"context"

	"playtoken/projects"
	"playtoken/secret"
)

// The endpoint, the decoder, the limits and the record ask a request body, or a
// response, what it can say about itself. Every method that is asked for is
// named here, and each type that has one is asserted beside it, so that a method
// with a wrong name or signature is a compile error and not a silent omission.
// TestBodiesMeanTheirMethods finds what an assertion was forgotten for.

// withCheck is a body that has more rules than its types say. It is checked
// after it was decoded; an error refuses the request.
type withCheck interface{ check() error }

// withDecode is a body that is more than an object of known members, and reads
// itself. Errors: *invalid.
type withDecode interface{ decode(data []byte) error }

// withTextType is a body that may come without Content-Type: application/json,
// because the pages and apps that send it cannot set that header.
type withTextType interface{ acceptsTextType() }

// withProjectID is a body that may name the project it is about; "" if it does
// not.
type withProjectID interface{ projectID() string }

// withCredential is a body that holds the caller's credential in one of its
// members. The owner of the credential is the caller; its errors are those of
// [Callers].
type withCredential interface {
	credential(s *server) (member string, value secret.Value, owner credentialOwner)
}

type credentialOwner func(ctx context.Context, credential secret.Value) (projects.Caller, error)

// withSize is a body that counts as several requests against the limits.
type withSize interface{ size() int }

// withReason is a body that says why a change is made, for the record.
type withReason interface{ reason() string }

// withRecord is a body that says which act is recorded, where that is not the route's.
type withRecord interface{ recordedAs(routes string) string }

// withOverride is a body of an act that may have to wait for a second operator, with
// which an admin may say that it must not wait.
type withOverride interface{ overrides() bool }

// withRevocation is a body of an act that may revoke signing keys as well.
type withRevocation interface{ revokes() bool }

// withOptionalBody is a request that is read from the query and may have a body as
// well.
type withOptionalBody interface{ bodyIsOptional() }

// withSubject is a body that says what a change is about, for the record, where
// the path does not.
type withSubject interface{ subject() string }

// withStatus is a response that has another status than the route's.
type withStatus interface{ status() int }

// withCreated is a response that shows what was created, for the record; the
// subject is "" for a project.
type withCreated interface {
	created() (project, subject string)
}
