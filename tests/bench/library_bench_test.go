// The peer of library_bench.cc: GO111MODULE=off go test -bench . -benchmem library_bench_test.go
package bench

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/singleflight"
)

const threads = 16
const keys = 16 * 1024

func seven() (interface{}, error) { return 7, nil }

func BenchmarkLoneDo(b *testing.B) {
	var group singleflight.Group
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		group.Do("key", seven)
	}
}

func inThreads(b *testing.B, call func(thread, i int)) {
	var done sync.WaitGroup
	for t := 0; t < threads; t++ {
		done.Add(1)
		go func(t int) {
			defer done.Done()
			for i := 0; i < b.N/threads; i++ {
				call(t, i)
			}
		}(t)
	}
	done.Wait()
}

func BenchmarkOneKey(b *testing.B) {
	var group singleflight.Group
	inThreads(b, func(thread, i int) { group.Do("key", seven) })
}

func BenchmarkManyKeys(b *testing.B) {
	var group singleflight.Group
	var names [keys]string
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	var random [threads][16]uint32
	b.ResetTimer()
	inThreads(b, func(thread, i int) {
		random[thread][0] = random[thread][0]*1664525 + 1013904223 + uint32(thread)
		group.Do(names[(random[thread][0]>>8)%keys], seven)
	})
}

func BenchmarkMicrosecondOfWork(b *testing.B) {
	var group singleflight.Group
	inThreads(b, func(thread, i int) {
		group.Do("key", func() (interface{}, error) {
			for start := time.Now(); time.Since(start) < time.Microsecond; {
			}
			return 7, nil
		})
	})
}
