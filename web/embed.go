package web

import "embed"

// FS holds templates/*.html and dist/*, as the gateway serves them.
//
//go:embed templates/*.html dist/*
var FS embed.FS
