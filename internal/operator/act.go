package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"
)

// Log records an operator's act in log, the sale log, before it is done. Its error is a
// *wire.Problem; the act must then not be done.
func Log(ctx context.Context, log *kv.Stream, event string, act wire.OperatorAct) error {
	raw, err := json.Marshal(act)
	if err == nil {
		_, err = log.Publish(ctx, []kv.Msg{{Subject: wire.LogSubject(event, wire.LogOperator), Data: raw}})
	}
	if err != nil {
		return wire.Busy("Nothing was done, since it could not be logged: " + err.Error())
	}
	failpoint.Here(failpoint.ActLogged)
	return nil
}

// Bounds of what is said of an act, in bytes.
const (
	maxWhy = 500
	maxBy  = 100
)

// Said refuses an act of which it isn't said why, and by whom. The error is a *wire.Problem.
func Said(why, by string) error {
	said := func(text string, most int) bool {
		return strings.TrimSpace(text) != "" && len(text) <= most && !strings.ContainsRune(text, 0)
	}
	switch {
	case !said(why, maxWhy):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf(`Say "why", in at most %d bytes.`, maxWhy))
	case !said(by, maxBy):
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf(`Say "by" whom, in at most %d bytes.`, maxBy))
	}
	return nil
}
