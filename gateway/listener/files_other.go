//go:build !unix

package listener

import "math"

// maxFiles is how many files the process may have open: not known here.
func maxFiles() int { return math.MaxInt32 }
