// Traces from files: text with a key and a size a line, or libCacheSim's oracleGeneral.

#include "tests/bench/eviction/trace_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/bench/eviction/gzip_file.h"

namespace singleflight::bench {
namespace {

constexpr size_t kRecord = 24;

absl::string_view BaseName(absl::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string NameOf(absl::string_view path) {
  absl::string_view name = BaseName(path);
  for (const absl::string_view end : {".gz", ".csv", ".txt", ".bin", ".oracleGeneral"}) {
    absl::ConsumeSuffix(&name, end);
  }
  return std::string(name);
}

bool IsControl(unsigned char c) { return c < ' ' && c != '\n' && c != '\r' && c != '\t'; }

bool IsBinary(absl::string_view path, absl::string_view beginning) {
  absl::string_view name = BaseName(path);
  absl::ConsumeSuffix(&name, ".gz");
  if (absl::StrContains(name, "oracleGeneral") || absl::EndsWith(name, ".bin")) return true;
  if (absl::EndsWith(name, ".csv") || absl::EndsWith(name, ".txt")) return false;
  beginning = beginning.substr(0, 10 * kRecord);
  return std::any_of(beginning.begin(), beginning.end(), IsControl);
}

absl::Status AddLine(absl::string_view line, TraceBuilder& trace) {
  const size_t comma = line.rfind(',');
  if (comma == absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("no comma in \"", line, "\"; want key,size"));
  }
  uint32_t bytes = 0;
  if (!absl::SimpleAtoi(line.substr(comma + 1), &bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", line.substr(comma + 1), "\" is not a size; want bytes, below 4 GiB"));
  }
  trace.Add(line.substr(0, comma), std::max(bytes, 1u));
  return absl::OkStatus();
}

absl::Status ReadText(const std::string& path, GzipFile& file, TraceBuilder& trace) {
  for (size_t number = 1;; ++number) {
    const absl::StatusOr<bool> more = file.More();
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    const absl::StatusOr<absl::string_view> line = file.TakeLine();
    if (!line.ok()) return line.status();
    const absl::Status added = AddLine(*line, trace);
    if (!added.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", added.message()));
    }
  }
}

uint32_t LittleEndian32(const char* at) {
  unsigned char bytes[4];
  std::memcpy(bytes, at, sizeof(bytes));
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | uint32_t{bytes[3]} << 24;
}

absl::Status ReadBinary(const std::string& path, GzipFile& file, TraceBuilder& trace) {
  for (size_t number = 1;; ++number) {
    const absl::StatusOr<absl::string_view> record = file.Take(kRecord);
    if (!record.ok()) return record.status();
    if (record->empty()) return absl::OkStatus();
    if (record->size() < kRecord) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": record ", number, " has ", record->size(), " bytes of ", kRecord));
    }
    const uint32_t bytes = LittleEndian32(record->data() + 12);
    trace.Add(record->substr(4, 8), std::max(bytes, 1u));
  }
}

}  // namespace

absl::StatusOr<Trace> ReadTrace(const std::string& path) {
  absl::StatusOr<GzipFile> file = GzipFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<bool> more = file->More();
  if (!more.ok()) return more.status();
  if (!*more) return absl::InvalidArgumentError(absl::StrCat(path, ": empty"));
  if (absl::StartsWith(file->ahead(), "\x28\xb5\x2f\xfd")) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": zstd; unpack it first (unzstd)"));
  }
  TraceBuilder trace(NameOf(path));
  const auto read = IsBinary(path, file->ahead()) ? ReadBinary : ReadText;
  const absl::Status status = read(path, *file, trace);
  if (!status.ok()) return status;
  return std::move(trace).Build();
}

}  // namespace singleflight::bench
