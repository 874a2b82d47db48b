// Amounts are integers in minor units beside an ISO 4217 code, as on the wire. How
// many minor digits a currency has, the server says (wire/currency.go): browsers
// have a table of their own, which is another for HUF, IDR and their like.

let digits = 2;
let formatter: Intl.NumberFormat | undefined;

/** tell says how many minor digits the currency of this page has. */
export function tell(minor: number): void {
  digits = minor;
  formatter = undefined;
}

/** money renders minor units for reading: money(5450, "EUR") is "€54.50"; nothing to pay is "Free". */
export function money(amount: number | undefined, currency: string): string {
  if (!amount) return "Free";
  if (formatter?.resolvedOptions().currency !== currency) {
    formatter = new Intl.NumberFormat("en", { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
  }
  return formatter!.format(amount / 10 ** digits);
}

/** count renders a whole number with the separators of the page's language. */
export function count(n: number): string {
  return n.toLocaleString(document.documentElement.lang || undefined);
}

/** plural is "1 seat", "2 seats". */
export function plural(n: number, one: string, many = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
