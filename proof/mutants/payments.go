package main

// payments are the mutants of what a provider promises, and of Stripe's.
var payments = []mutant{
	{"an order has a payment for each time it is asked for", "inventory/payment/stripe", "TestConformance/(SamePayment|LostAnswers)", []edit{
		{"inventory/payment/stripe/stripe.go", `key(order, "create", attempt))}`, `key(order, "create", attempt)+p.cfg.Now().String())}`}}},
	{"a capture is asked for whatever the payment's state", "inventory/payment/stripe", "TestConformance/(CaptureOnce|Declined|Void)", []edit{
		{"inventory/payment/stripe/stripe.go", "return i.Status == stripe.PaymentIntentStatusRequiresCapture", "return i.Status != \"\""}}},
	{"a failure that Stripe replays ends an order's capture", "inventory/payment/stripe", "TestFailures", []edit{
		{"inventory/payment/stripe/intent.go", "if err != nil && !again && allowed(i) {", "if err != nil && allowed(i) {"}}},
	{"an amount is captured that is not the order's", "inventory/payment/stripe", "TestIntentsAreCompared", []edit{
		{"inventory/payment/stripe/stripe.go", "return payment.Agree(t, p.auth(i), payment.Known()...)", "return nil"}}},
	{"another order's payment is taken for this one's", "inventory/payment/stripe", "TestIntentsAreCompared", []edit{
		{"inventory/payment/stripe/intent.go", "case i.Metadata[metaOrder] != order:", "case false:"}}},
	{"a refused card is tried again on the same payment", "inventory/payment/stripe", "TestRefusedIntentIsCanceled", []edit{
		{"inventory/payment/stripe/intent.go", "&& i.LastPaymentError != nil", "&& i.LastPaymentError == nil"}}},
	{"money goes back twice when a key is forgotten", "inventory/payment/stripe", "TestRefundUnderOneKey", []edit{
		{"inventory/payment/stripe/stripe.go", "if one.Metadata[metaKey] == r.Key {", "if false {"}}},
	{"a search proves that there is no payment", "inventory/payment/stripe", "TestGet$", []edit{
		{"inventory/payment/stripe/stripe.go", `return nil, errors.New("stripe: the order is too old`, `return nil, fmt.Errorf("%w: %s", payment.ErrNotFound, "stripe: the order is too old`}}},
	{"too many requests is taken for no", "inventory/payment/stripe", "TestFailures", []edit{
		{"inventory/payment/stripe/errors.go", "s == http.StatusTooManyRequests || ", ""}}},
	{"a króna is a hundredth of one", "inventory/payment/stripe", "TestUnits", []edit{
		{"inventory/payment/stripe/amount.go", "\tcase \"ISK\", \"UGX\":\n\t\tamount *= 100\n", "\tcase \"ISK\", \"UGX\":\n"}}},
	{"a live key is taken in test mode", "inventory/payment/stripe", "TestKeysAndModes", []edit{
		{"inventory/payment/stripe/keys.go", "case ok && strings.HasPrefix(rest, mode) &&", "case ok && (strings.HasPrefix(rest, mode) || strings.HasPrefix(rest, other)) &&"}}},
	{"Stripe's webhook is believed without a signature", "inventory/payment/stripe", "TestWebhooksAreRefused", []edit{
		{"inventory/payment/stripe/webhook.go", "\treturn stripe.Event{}, fmt.Errorf(\"%w: %w\", payment.ErrSignature, err)\n", "\treturn e, json.Unmarshal(body, &e)\n"}}},
	{"another account's webhook is believed", "inventory/payment/stripe", "TestWebhooksAreRefused", []edit{
		{"inventory/payment/stripe/webhook.go", "e.Account != \"\" || ", ""}}},
	{"the old webhook secret is refused while it is rolled", "inventory/payment/stripe", "TestWebhooks$", []edit{
		{"inventory/payment/stripe/webhook.go", "range w.Secrets {", "range w.Secrets[:min(1, len(w.Secrets))] {"}}},
	{"a dispute passes without a word", "inventory/checkout", "TestWebhooksWithoutAnOrder", []edit{
		{"inventory/checkout/webhook.go", "\th.metrics.disputes.WithLabelValues(d.Status).Inc()\n", ""}}},
	{"the sandbox takes real money", "cmd/frontrow", "TestSandboxIsNeverLive", []edit{
		{"cmd/frontrow/sandbox.go", "case s.Live:", "case false:"}}},
	{"every page may load from Stripe", "gateway", "TestPayPage", []edit{
		{"gateway/pages/pages.go", "if data.Pay != nil {", "if true {"}}},
}
