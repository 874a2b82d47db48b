package stripe

import (
	"errors"
	"fmt"
	"strings"
)

// CheckSecretKey reports why a key can't be the one that moves money: it is another
// kind of key, or of the other mode. The error doesn't have the key.
func CheckSecretKey(key string, live bool) error {
	return checkKey(key, live, "sk_", "rk_")
}

// CheckPublishableKey reports why a key can't be the one that pages show.
func CheckPublishableKey(key string, live bool) error {
	return checkKey(key, live, "pk_")
}

// CheckWebhookSecrets reports why these can't be the secrets of a webhook endpoint: one,
// or two while it is rolled.
func CheckWebhookSecrets(secrets []string) error {
	if len(secrets) == 0 || len(secrets) > 2 {
		return errors.New("one webhook secret is needed, or two while it is rolled, each on a line")
	}
	for _, s := range secrets {
		if !strings.HasPrefix(s, "whsec_") || strings.ContainsAny(s, " \t") {
			return fmt.Errorf("this is no webhook secret (whsec_…), but %s", kindOf(s))
		}
	}
	return nil
}

func checkKey(key string, live bool, kinds ...string) error {
	mode, other := "test_", "live_"
	if live {
		mode, other = other, mode
	}
	for _, kind := range kinds {
		rest, ok := strings.CutPrefix(key, kind)
		switch {
		case ok && strings.HasPrefix(rest, mode) && len(rest) > len(mode) && !strings.ContainsAny(rest, " \t\r\n"):
			return nil
		case ok && strings.HasPrefix(rest, other) && live:
			return fmt.Errorf("this is %s, and --live is set: with it, nobody would pay", kindOf(key))
		case ok && strings.HasPrefix(rest, other):
			return fmt.Errorf("this is %s: with it, fans pay real money; set --live if they are to", kindOf(key))
		}
	}
	return fmt.Errorf("this is %s, where one that begins with %s%s is needed", kindOf(key), strings.Join(kinds, mode+" or "), mode)
}

// kindOf says what a key is, without saying it.
func kindOf(key string) string {
	for prefix, kind := range map[string]string{"sk_test_": "a secret key of test mode", "sk_live_": "a live secret key", "rk_test_": "a restricted key of test mode",
		"rk_live_": "a live restricted key", "pk_test_": "a publishable key of test mode", "pk_live_": "a live publishable key", "whsec_": "a webhook secret"} {
		if strings.HasPrefix(key, prefix) {
			return kind
		}
	}
	return "no key of Stripe's"
}
