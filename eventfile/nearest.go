package eventfile

// maxName bounds what is compared; no name is as long.
const maxName = 64

// Nearest returns the name that was probably meant by one that isn't among them, or "".
func Nearest(name string, names []string) string {
	if len(name) > maxName {
		return ""
	}
	best, least := "", max(2, len(name)/4)+1
	for _, n := range names {
		if d := distance(name, n); d < least && 2*d <= max(len(name), len(n)) {
			best, least = n, d
		}
	}
	return best
}

// distance returns how many letters must be put in, left out or changed between two names.
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
