//go:build !unix

package listener

import "math"

// maxFiles returns how many files the process may have open, which is unknown here.
func maxFiles() int { return math.MaxInt32 }
