package kv_test

import (
	"testing"

	"frontrow/internal/natstest"
	"frontrow/kv/kvtest"
)

func TestMemory(t *testing.T) { kvtest.RunMemory(t) }

func TestConformance(t *testing.T) {
	natstest.Each(t, kvtest.Run)
}
