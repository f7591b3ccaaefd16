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
	inGoroutines(b, threads, call)
}

func inGoroutines(b *testing.B, goroutines int, call func(goroutine, i int)) {
	var done sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		done.Add(1)
		go func(g int) {
			defer done.Done()
			for i := 0; i < b.N/goroutines; i++ {
				call(g, i)
			}
		}(g)
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

// As in library_bench.cc: calls in the air for each of the threads.
const inTheAir = 64

func microsecond() (interface{}, error) {
	for start := time.Now(); time.Since(start) < time.Microsecond; {
	}
	return 7, nil
}

func BenchmarkMicrosecondOfWorkInDo(b *testing.B) {
	var group singleflight.Group
	b.ReportAllocs()
	inGoroutines(b, threads*inTheAir, func(goroutine, i int) { group.Do("key", microsecond) })
}

func BenchmarkMicrosecondOfWorkInDoChan(b *testing.B) {
	var group singleflight.Group
	var answers [threads][inTheAir]<-chan singleflight.Result
	b.ReportAllocs()
	inThreads(b, func(thread, i int) {
		answer := &answers[thread][i%inTheAir]
		if *answer != nil {
			<-*answer
		}
		*answer = group.DoChan("key", microsecond)
	})
	for thread := range answers {
		for _, answer := range answers[thread] {
			if answer != nil {
				<-answer
			}
		}
	}
}
