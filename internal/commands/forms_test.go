package commands

// ci stands for what CI itself is, which would run itself.
const ci = "-"

// stage is shell for the commands below: serve starts what serves and returns when
// it is ready, end ends it; house is make run's demo, with tickets sold.
const stage = `
serve() { # file of the process id, command…
	local pid=$1; shift
	mkdir -p $(dirname $pid)
	"$@" >$pid.out 2>&1 & echo $! >$pid
	for i in $(seq 600); do
		grep -q '^ready ' $pid.out && return
		kill -0 $(cat $pid) 2>/dev/null || break
		sleep 0.1
	done
	cat $pid.out
	return 1
}
end() { # file of the process id
	local pid=$(cat $1)
	pkill -INT -P $pid || kill -INT $pid || true
	tail -f /dev/null --pid=$pid
}
fans() { # file of a process id: three of them buy there
	.bin/frontrow rehearse --url $(sed -n 's/^ready http=\(\S*\) .*/\1/p' $1.out) --event demo \
		--fans 3 --ramp 100ms --think 50ms --share absent=0 --share decline=0 --share abandon=0
}
house() {
	serve $DATA/pid make -s run DATA=$DATA ARGS='--http 127.0.0.1:0 --ops 127.0.0.1:0 --nats 127.0.0.1:0'
	make -s nats
	grep '^ready ' $DATA/pid.out | head -1 | sed 's/^ready //; s/\(http\|ops\|nats\|postgres\)=/\n\1=/g' | sed -n 's/^http=/HTTP=/p; s/^nats=/export NATS_URL=/p; s/^postgres=\(.*\)/export FRONTROW_POSTGRES="\1"/p' >$DATA/addresses
	. $DATA/addresses
	fans $DATA/pid
	.bin/frontrow event apply --nats $NATS_URL -f deploy/demo/rehearsal.yaml
	.bin/frontrow event apply --nats $NATS_URL -f deploy/demo/rush.yaml
	psql "$FRONTROW_POSTGRES" -Atc "select 'ORDER='||order_id||E'\nFAN='||fan_id from orders where state = 'paid' limit 1" >>$DATA/addresses
	grep -q ^ORDER= $DATA/addresses
}
`

const few = `--url $$HTTP --ramp 100ms --think 50ms --fans 3`

func forms() []form {
	return []form{
		row(`make (run|test|check|lint|smoke)`, ci), // run is what the house below is

		// That every row runs, and all of them, is tested in proof/bench.
		row(`make bench`, `make bench ARGS="-smoke -row 'best available' -o $$TMP/results.json"`),
		row(`make bench ARGS="(-row '[^']+') -profile /tmp"`, `make bench ARGS="-smoke $1 -profile $$TMP -o $$TMP/profiled.json"`),
		row(`make pair.*`, `make pair ARGS="-smoke -row 'best available' -turns 1"`),
		row(`make figures`, `cp docs/capacity.md $$TMP && make bench ARGS="-smoke -row 'best available' -o $$TMP/results.json" && make figures DOC=$$TMP/capacity.md ARGS="-o $$TMP/results.json" && ! cmp -s docs/capacity.md $$TMP/capacity.md`),
		row(`go tool pprof -top /tmp/(\S+)`, `go tool pprof -top $$TMP/$1`),
		row(`make millions`, `make millions ARGS="-smoke -o $$TMP/millions.json"`),
		row(`make halfopen`, `make halfopen SOCKETS=200`),
		row(`make mutants`, `go run ./proof/mutants -only "provider's amount"`),
		row(`make fuzz.*`, `make fuzz FUZZTIME=1x IN=./inventory/payment`),
		row(`make sim.*`, `make sim ARGS="-seeds 2 -steps 50"`),
		row(`make endurance.*`, `make endurance ARGS="-fans 300 -seats 200 -rate 6000 -ramp 1s -think 100ms -kill-every 2s -only gateway"`),
		row(`make defences.*`, `make defences ARGS="-fans 20 -seats 200 -ramp 2s -think 50ms -for 5s -only on -dir $$TMP/defences"`),
		row(`make (web|nats|stripe-mock|build)`, ``),
		row(`make audit`, `make audit DATA=$$DATA`),
		row(`make clean`, `make clean BIN=$$TMP/bin DATA=$$TMP/none`),
		row(`make (help|lines)`, ``),

		row(`go doc .*|go list -m all`, ``),
		row(`go test (-run xxx -bench \S+)(?: -benchtime \S+)? (\S+)`, `go test -short $1 -benchtime 1x $2`),
		row(`go test -run Compact -v ./plan|go test -v ./web/build`, ``),
		row(`go test ./proof/sim .*`, `go test ./proof/sim -run TestPurchases -v -seed=1 -steps=50`),
		row(`go test -race (-run \S+ \S+)`, `go test $1`),
		row(`go test -run '?TestFailpoints(?:/\S+)? (\S+)(?: -every-crash)?`, `go test -run TestFailpoints/misspelt $1`),
		row(`go run ./proof/mutants -(only|day) .*`, `go run ./proof/mutants -only "provider's amount"`),
		row(`go test ./kv`, `go test ./kv -run TestLayers`),
		row(`go build -tags failpoints -o \S+ (\S+)`, `go build -tags failpoints -o $$TMP/frontrow-failpoints $1`),
		row(`FRONTROW_FAILPOINT=(\S+) \.bin/frontrow-failpoints dev --event (\S+)`,
			`FRONTROW_FAILPOINT=$1 serve $$TMP/failing/pid $$TMP/frontrow-failpoints dev --data $$TMP/failing --http 127.0.0.1:0 --ops 127.0.0.1:0 --nats 127.0.0.1:0 --event $2
			fans $$TMP/failing/pid >/dev/null 2>&1 & wait $$(cat $$TMP/failing/pid) || pkill -KILL -P $$!
			grep 'failpoint: $1 reached' $$TMP/failing/pid.out
			serve $$TMP/failing/pid .bin/frontrow dev --data $$TMP/failing --http 127.0.0.1:0 --ops 127.0.0.1:0 --nats 127.0.0.1:0 && end $$TMP/failing/pid`),
		row(`sed (.*) > /tmp/kept.yaml`, `sed $1 > $$TMP/kept.yaml && ! cmp -s $$TMP/kept.yaml deploy/demo/rush.yaml && ! grep 'pass_ttl: 30s' $$TMP/kept.yaml`),

		row(`\.bin/frontrow dev --data /tmp/rehearsal --event (\S+)`,
			`serve $$TMP/other/pid .bin/frontrow dev --data $$TMP/other --http 127.0.0.1:0 --ops 127.0.0.1:0 --nats 127.0.0.1:0 --event $1 && end $$TMP/other/pid`),
		row(`\.bin/frontrow event check -f (\S+)`, `.bin/frontrow event check -f $1 && ! .bin/frontrow event check -f go.mod`),
		row(`\.bin/frontrow pricing export (\S+) -o \S+`, `.bin/frontrow pricing export --nats $$NATS_URL --every 5s $1 -o $$TMP/sold.csv && grep -E '^[0-9]+,[a-z0-9-]+,[0-9]+,[1-9]' $$TMP/sold.csv
			.bin/frontrow pricing simulate -f deploy/demo/arena.yaml --curve $$TMP/sold.csv -o $$TMP/again && grep -q '</html>' $$TMP/again.html`),
		row(`\.bin/frontrow pricing import -f (\S+) (\S+)`, `.bin/frontrow pricing import -f $1 $2 | grep 'basis_points: [1-9]' && ! .bin/frontrow pricing import -f $1 go.mod`),
		row(`\.bin/frontrow pricing simulate (.*)`, `.bin/frontrow pricing simulate $1 -o $$TMP/simulated && grep -q '</html>' $$TMP/simulated.html`),
		row(`make charts`, `make charts CHARTS=$$TMP/charts && for crowd in hot cold; do diff -r docs/pricing/$$crowd $$TMP/charts/$$crowd; done`),
		row(`\.bin/frontrow pricing replay (\S+)`, `.bin/frontrow pricing replay --nats $$NATS_URL $1 | grep '"acts": [1-9]' && ! .bin/frontrow pricing replay`),
		row(`\.bin/frontrow event apply --dry-run -f (\S+)`, `.bin/frontrow event apply --dry-run --nats $$NATS_URL -f $1
			sed 's/base: 14500/base: EUR 155.00/' $1 >$$TMP/dearer.yaml
			code=0; .bin/frontrow event apply --dry-run --nats $$NATS_URL -f $$TMP/dearer.yaml >$$TMP/changes || code=$$?
			test $$code = 1 && grep 'the price rises by EUR 10.00' $$TMP/changes`),
		row(`\.bin/frontrow rehearse --event (\S+) --fans \d+ (.*) --audit --postgres DSN`, `.bin/frontrow rehearse `+few+` --event $1 $2 --audit --nats $$NATS_URL`),
		row(`\.bin/frontrow rehearse --event (\S+) --fans \d+ (.*)`, `.bin/frontrow rehearse `+few+` --event $1 $2`),
		row(`(frontrow (?:help|version))|(frontrow .*--help)`, `.bin/$1$2`),

		row(`nats (kv|req|micro|events)`, `.bin/nats $1 --help`),
		row(`nats kv put SEATS_x (.*)`, `.bin/nats kv put SEATS_rush $1`),
		row(`nats kv del EVENTS x`, `.bin/nats kv del -f EVENTS rush`),
		row(`nats (backup restore stream) DIRECTORY`, `.bin/nats $1 --help`),
		row(`(?:\.bin/)?nats (.*)"o_…"(.*)`, `.bin/nats $1"'$$ORDER'"$2`),
		row(`(?:\.bin/)?nats (.*)"f_…"(.*)`, `.bin/nats $1"'$$FAN'"$2`),
		row(`(?:\.bin/)?nats (.*)`, `.bin/nats $1`),
		row(`frontrow (\w+)( (?:apply|list|import|generate|check|issue|rotate|prune|show|split))?\b.*`, `.bin/frontrow $1$2 --help`),
	}
}
