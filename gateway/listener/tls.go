package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"frontrow/gateway/client/ja4"
)

var errFlood = errors.New("more than a client has to say")

// certificateEvery is how often a certificate's files are checked.
const certificateEvery = 10 * time.Second

// Certificate is a TLS certificate that follows its files.
type Certificate struct {
	cert, key string
	current   atomic.Pointer[loaded]
}

// loaded is a certificate with what distinguishes its files from later ones.
type loaded struct {
	pair  *tls.Certificate
	stamp [2]stamp
}

type stamp struct {
	at   time.Time
	size int64
}

// LoadCertificate reads a PEM certificate chain and its key.
func LoadCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key}
	_, err := c.reload()
	return c, err
}

// Config returns the TLS configuration of a server with this certificate, which notes each
// client's fingerprint.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load().pair, nil },
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if own := Of(h.Conn); own != nil {
				own.mu.Lock()
				own.ja4 = ja4.Of(h)
				own.mu.Unlock()
			}
			return nil, nil // as it is
		},
	}
}

// Run reads the files again whenever they change, until ctx ends.
func (c *Certificate) Run(ctx context.Context, log *slog.Logger) error {
	return c.follow(ctx, certificateEvery, log)
}

func (c *Certificate) follow(ctx context.Context, every time.Duration, log *slog.Logger) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		switch changed, err := c.reload(); {
		case err != nil && err.Error() != said: // the two files may change one after the other
			said = err.Error()
			log.Warn("certificate can't be read: the one before stays", "err", err)
		case changed:
			said = ""
			log.Info("certificate was read again", "until", c.current.Load().pair.Leaf.NotAfter)
		}
	}
}

// reload reads the files if they have changed.
func (c *Certificate) reload() (changed bool, err error) {
	var now [2]stamp
	for i, name := range []string{c.cert, c.key} {
		f, err := os.Stat(name)
		if err != nil {
			return false, fmt.Errorf("certificate: %w", err)
		}
		now[i] = stamp{f.ModTime(), f.Size()}
	}
	if old := c.current.Load(); old != nil && old.stamp == now {
		return false, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return false, fmt.Errorf("certificate: %w", err)
	}
	c.current.Store(&loaded{&pair, now})
	return true, nil
}
