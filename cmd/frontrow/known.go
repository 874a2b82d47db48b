package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// known are the names of all commands' flags: a FRONTROW_* variable of none of them is
// a typing error, one of another command's is not this one's business.
func known() []string {
	return strings.Fields(`
		audit board bot-places bots challenge-at channel commitment config connections creds data datacenters defences domain email event
		exempt expires f fan fans for http ja4-header keys kind lane lead levels limit limits list log-level lower-replicas min-score name nats nats-file
		number o older older-barcode older-secret ops origin out patience payments postgres postgres-file proxy public-url ramp region
		replica replica-file replicas report role seats seed seed-file share sockets solvers stage standing strong-challenge-at think
		tls-cert tls-key top trust-forwarded url webhook-secret webhooks widget widget-secret widget-site-key within
	`)
}

// serviceLink is a variable that Kubernetes sets for each Service of a namespace, such
// as FRONTROW_GATEWAY_SERVICE_HOST for one called frontrow-gateway.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)|_PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?$`)

// checkVariables refuses FRONTROW_* variables that nothing reads.
func (f flags) checkVariables() error {
	var all []string
	for _, name := range known() {
		all = append(all, variable(name))
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, variable("")) && name != variable("failpoint") && !serviceLink.MatchString(name) && !slices.Contains(all, name) {
			return fmt.Errorf("environment %s: no command has such a flag%s. Correct it, or unset it", name, suggestion(name, all))
		}
	}
	return nil
}

// suggestion is what may have been meant by a name that there is not.
func suggestion(name string, names []string) string {
	best, least := "", max(2, len(name)/4)+1
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is how many letters must be put in, left out or changed between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, change)
		}
	}
	return row[len(b)]
}
