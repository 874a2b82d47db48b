// Command build bundles web/src into web/dist with stable names. Run it from
// the module's root after changing src:
//
//	go run ./web/build
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if err := run("web"); err != nil {
		fmt.Fprintln(os.Stderr, "build web:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := bundle(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "dist"), 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, "dist", name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bundle returns what dist must hold: file name to bytes. The same sources
// always give the same bytes.
func bundle(dir string) (map[string][]byte, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: dir,
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: "src/main.ts", OutputPath: "app"},
			{InputPath: "src/pages.ts", OutputPath: "pages"},
			{InputPath: "src/pay.ts", OutputPath: "pay"},
			{InputPath: "src/solver.ts", OutputPath: "solver"},
			{InputPath: "src/reductions.ts", OutputPath: "reductions"},
			{InputPath: "src/app.css", OutputPath: "app"},
		},
		Outdir:            "dist",
		Bundle:            true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
	})
	var errs []error
	for _, m := range append(result.Errors, result.Warnings...) {
		at := ""
		if m.Location != nil {
			at = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
		}
		errs = append(errs, errors.New(at+m.Text))
	}
	files := map[string][]byte{}
	for _, f := range result.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	return files, errors.Join(errs...)
}
