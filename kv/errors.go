package kv

import (
	"context"
	"errors"
	"fmt"

	"frontrow/internal/group"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The outcomes of a write. nil means stored and acknowledged. An error that is
// not ErrUnknown means not stored. A Committer may return an error that is both ErrConflict
// and ErrUnknown: the write can no longer be stored, but may have been before another
// overwrote it.
var (
	// ErrConflict means refused: the record is not at the expected revision, or
	// another write to it is in flight and may yet fail. It never means "taken":
	// re-read the record and decide again.
	ErrConflict = errors.New("conflict: re-read and decide")

	// ErrUnknown means that no answer came. The write may be stored, now or when
	// a delayed message arrives.
	ErrUnknown = errors.New("outcome unknown: it may be stored")

	// ErrBusy means not stored for a transient reason (no leader, no connection, too many
	// batches, an incomplete batch). Sending the same again is safe.
	ErrBusy = errors.New("not stored for now: try again")

	// ErrFenced means that another process has rewritten the guard's record:
	// nothing of this guard is stored from then on.
	ErrFenced = errors.New("fenced: another process took over")

	// ErrNotFound means that no value of the key was ever stored.
	ErrNotFound = errors.New("not found")

	// ErrAnew means that the stream is no longer the one that was read: it was recreated,
	// or restored from a backup. Nothing that was read of it holds.
	ErrAnew = errors.New("the stream began anew")
)

// Refusals by a Committer that is full or has ended. Nothing was sent.
var (
	ErrFull    = group.ErrFull
	ErrStopped = group.ErrStopped
)

// Error codes of the server that package jetstream does not name (ADR-50).
const (
	codeNotLeader       = 10009 // JSClusterNotLeader
	codeNotAvailable    = 10008 // JSClusterNotAvail
	codeDuplicateInProc = 10158 // JSStreamDuplicateMessageConflict
	codeTooManyRequests = 10167 // JSStreamTooManyRequests
	codeIncomplete      = 10176 // JSAtomicPublishIncompleteBatch
	codeTooManyInflight = 10210 // JSAtomicPublishTooManyInflight
)

// refusal turns the server's error into an outcome.
func refusal(e *jetstream.APIError) error {
	switch e.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return fmt.Errorf("%w: %w", ErrConflict, e)
	case codeIncomplete, codeTooManyInflight, codeTooManyRequests, codeDuplicateInProc, codeNotLeader, codeNotAvailable:
		return fmt.Errorf("%w: %w", ErrBusy, e)
	}
	return e
}

// silence turns the error of a request that got no answer into an outcome.
func silence(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case invalid(err):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// uncommitted returns the outcome of a batch whose last message was not sent.
func uncommitted(err error) error {
	if invalid(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBusy, err)
}

// invalid reports whether the client refuses a message, now and always.
func invalid(err error) bool {
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, nats.ErrHeadersNotSupported) || errors.Is(err, nats.ErrConnectionDraining)
}

// left returns the outcome for a caller that stopped waiting for a write.
func left(err error) error {
	if errors.Is(err, group.ErrAbandoned) {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return err
}
