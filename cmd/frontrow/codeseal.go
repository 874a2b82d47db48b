package main

import (
	"fmt"

	"frontrow/keyring"
	"frontrow/wire"
)

// codesSealCmd seals the code of a promotion for the event's file.
type codesSealCmd struct {
	keysFlag
	Event    string     `required:"" placeholder:"ID" help:"Event id."`
	Code     string     `placeholder:"TEXT" help:"Code that fans type: 4 to 64 letters, digits and '-'; case and spaces don't matter."`
	CodeFile secretFile `placeholder:"FILE" help:"File with the value of --code, which keeps it out of process lists."`
}

func (*codesSealCmd) Help() string {
	return `The event's file has the seal in the place of the code: promotions: [{id: spring, seal: SEAL, percent_off: 20}]. Without the
keyring nobody can try codes against it. A seal is of one event, and holds as long as the key that signs now: after that
key is pruned, seal the code again.`
}

func (s *codesSealCmd) Run(c terminal) error {
	if !wire.IsName(s.Event) {
		return fmt.Errorf("--event %q is not the id of an event", s.Event)
	}
	keys, err := keyring.Load(s.Keys, "")
	if err != nil {
		return err
	}
	if len(keys.Keys().Secret) == 0 {
		return fmt.Errorf("keyring %s has no secret key, which seals codes", s.Keys)
	}
	seal, err := keys.SealPromotion(s.Event, s.Code)
	if err != nil {
		return fmt.Errorf("--code: %w", err)
	}
	fmt.Fprintln(c.stdout, seal)
	return nil
}
