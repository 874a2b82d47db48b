//go:build depsonly

// Package deps pins the direct dependencies while the house is being built.
package deps

import (
	_ "github.com/anishathalye/porcupine"
	_ "github.com/sony/gobreaker/v2"
)
