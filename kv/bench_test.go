package kv_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/kv"

	"github.com/nats-io/nats.go/jetstream"
)

func benchEach(b *testing.B, run func(b *testing.B, bucket *kv.Bucket)) {
	for name, start := range map[string]func(testing.TB) *natstest.Env{"R1": natstest.Run, "R3": natstest.Cluster} {
		b.Run(name, func(b *testing.B) {
			env := start(b)
			bucket, err := kv.Create(context.Background(), env.JetStream(b), jetstream.StreamConfig{
				Name: "KV_bench", Subjects: []string{"$KV.bench.>"}, MaxMsgsPerSubject: 1, Replicas: env.Replicas,
				AllowAtomicPublish: true, AllowDirect: true, Storage: jetstream.FileStorage,
			})
			if err != nil {
				b.Fatal(err)
			}
			run(b, bucket)
		})
	}
}

// report adds the median and the 99th percentile of what was timed.
func report(b *testing.B, took []time.Duration, perOp int) {
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(float64(perOp*len(took))/b.Elapsed().Seconds(), "writes/s")
}

// One batch at a time, every message with its own compare-and-swap.
func BenchmarkPublish(b *testing.B) {
	benchEach(b, func(b *testing.B, bucket *kv.Bucket) {
		for _, size := range []int{1, 8, 64, 256, 900} {
			b.Run(fmt.Sprint(size), func(b *testing.B) {
				ctx, value := context.Background(), make([]byte, 120)
				msgs := make([]kv.Msg, size)
				for i := range msgs {
					msgs[i] = kv.Msg{Subject: bucket.Subject(fmt.Sprintf("seat.%d.%d", size, i)), Data: value}
				}
				var took []time.Duration
				b.ReportAllocs()
				for b.Loop() {
					start := time.Now()
					ack, err := bucket.Publish(ctx, msgs)
					if err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
					for i := range msgs {
						msgs[i].Expect = kv.At(ack.Revision(i))
					}
				}
				report(b, took, size)
			})
		}
	})
}

// 900 creates at once, of which some exist, until the last caller has its outcome.
func BenchmarkCommitPresent(b *testing.B) {
	benchEach(b, func(b *testing.B, bucket *kv.Bucket) {
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		c := kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream})
		go func() { _ = c.Run(ctx) }()
		for _, present := range []int{0, 1, 10, 450, 900} {
			b.Run(fmt.Sprint(present), func(b *testing.B) {
				var took []time.Duration
				for round := 0; b.Loop(); round++ {
					b.StopTimer()
					if ctx.Err() != nil {
						b.Fatal(ctx.Err())
					}
					name := func(i int) string {
						return fmt.Sprintf("fan.%d.%d.%d.%d", present, b.N, time.Now().UnixNano()/1e9, round*1000+i)
					}
					keys := make([]string, 900)
					for i := range keys {
						keys[i] = name(i)
					}
					create(b, c, keys[:present])
					b.StartTimer()
					start := time.Now()
					create(b, c, keys)
					took = append(took, time.Since(start))
				}
				report(b, took, 900)
			})
		}
	})
}

// create gives keys to c, as so many callers at once.
func create(b *testing.B, c *kv.Committer, keys []string) {
	var wg sync.WaitGroup
	for _, k := range keys {
		wg.Go(func() {
			_, _ = c.Do(context.Background(), kv.Write{Key: k, Value: []byte(k), Expect: kv.Absent()})
		})
	}
	wg.Wait()
}

// Many callers who each wait for their own create.
func BenchmarkCommit(b *testing.B) {
	benchEach(b, func(b *testing.B, bucket *kv.Bucket) {
		for _, callers := range []int{64, 1000} {
			b.Run(fmt.Sprint(callers), func(b *testing.B) {
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				c := kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream})
				go func() { _ = c.Run(ctx) }()
				var (
					mu   sync.Mutex
					took []time.Duration
					next int
				)
				run := time.Now().UnixNano()
				b.ReportAllocs()
				b.SetParallelism(callers / 2)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					var mine []time.Duration
					for pb.Next() {
						mu.Lock()
						next++
						k := fmt.Sprintf("fan.%d.%d", run, next)
						mu.Unlock()
						start := time.Now()
						if _, err := c.Do(ctx, kv.Write{Key: k, Value: make([]byte, 120), Expect: kv.Absent()}); err != nil {
							b.Error(err)
						}
						mine = append(mine, time.Since(start))
					}
					mu.Lock()
					took = append(took, mine...)
					mu.Unlock()
				})
				report(b, took, 1)
			})
		}
	})
}

func BenchmarkAll(b *testing.B) {
	benchEach(b, func(b *testing.B, bucket *kv.Bucket) {
		const keys = 80_000
		ctx := context.Background()
		for at := 0; at < keys; at += 800 {
			msgs := make([]kv.Msg, 800)
			for i := range msgs {
				msgs[i] = kv.Msg{Subject: bucket.Subject(fmt.Sprintf("seat.%d", at+i)), Data: make([]byte, 120)}
			}
			if _, err := bucket.Publish(ctx, msgs); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("80000", func(b *testing.B) {
			for b.Loop() {
				all, err := bucket.All(ctx, ">")
				if err != nil || len(all) != keys {
					b.Fatal(len(all), err)
				}
			}
		})
	})
}
