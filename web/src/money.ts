// Amounts are integers in minor units beside an ISO 4217 code, as on the wire.
// Intl knows how many minor digits a currency has: 2 for EUR, 0 for JPY, 3 for KWD.

const formatters = new Map<string, Intl.NumberFormat>();

/** money renders minor units for reading: money(5450, "EUR") is "€54.50". */
export function money(amount: number, currency: string): string {
  let format = formatters.get(currency);
  if (!format) {
    format = new Intl.NumberFormat(document.documentElement.lang || undefined, { style: "currency", currency });
    formatters.set(currency, format);
  }
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** moneyRange renders a price range, and one price where both ends are equal. */
export function moneyRange(from: number, to: number, currency: string): string {
  return from === to ? money(from, currency) : `${money(from, currency)} – ${money(to, currency)}`;
}

/** count renders a whole number with the separators of the page's language. */
export function count(n: number): string {
  return n.toLocaleString(document.documentElement.lang || undefined);
}

/** plural is "1 seat", "2 seats". */
export function plural(n: number, one: string, many = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
