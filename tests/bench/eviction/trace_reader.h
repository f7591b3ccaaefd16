#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_TRACE_READER_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_TRACE_READER_H_

#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/eviction/trace.h"

namespace singleflight::bench {

// Reads a trace that somebody recorded, gzip'd or not:
//
// - text, one request a line: `key,size`, the key being everything before the last comma
// - libCacheSim's oracleGeneral: records of 24 bytes, little-endian (uint32 time, uint64 object,
//   uint32 size, int64 next access)
//
// A name with `oracleGeneral` in it or ending in .bin is binary, one ending in .csv or .txt is
// text; elsewhere the first bytes tell. A size of 0 counts as 1.
//
// Errors: what is wrong, with the file and the line or record.
absl::StatusOr<Trace> ReadTrace(const std::string& path);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_TRACE_READER_H_
