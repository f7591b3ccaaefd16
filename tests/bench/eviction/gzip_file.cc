#include "tests/bench/eviction/gzip_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::bench {
namespace {

constexpr size_t kBlock = 1 << 18;

}  // namespace

absl::StatusOr<GzipFile> GzipFile::Open(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    const char* reason = errno != 0 ? std::strerror(errno) : "out of memory";
    return absl::NotFoundError(absl::StrCat(path, ": ", reason));
  }
  return GzipFile(path, file);
}

GzipFile::GzipFile(GzipFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, nullptr)),
      buffer_(std::move(other.buffer_)),
      taken_(other.taken_) {}

GzipFile::~GzipFile() {
  if (file_ != nullptr) gzclose_r(file_);
}

absl::StatusOr<bool> GzipFile::More() {
  if (!ahead().empty()) return true;
  return ReadBlock();
}

absl::StatusOr<absl::string_view> GzipFile::Take(size_t bytes) {
  while (ahead().size() < bytes) {
    const absl::StatusOr<bool> read = ReadBlock();
    if (!read.ok()) return read.status();
    if (!*read) break;
  }
  const absl::string_view text = ahead().substr(0, bytes);
  taken_ += text.size();
  return text;
}

absl::StatusOr<absl::string_view> GzipFile::TakeLine() {
  size_t searched = 0;
  size_t end;
  while ((end = ahead().find('\n', searched)) == absl::string_view::npos) {
    searched = ahead().size();
    const absl::StatusOr<bool> read = ReadBlock();
    if (!read.ok()) return read.status();
    if (!*read) break;
  }
  absl::string_view line = ahead().substr(0, end);
  taken_ += line.size() + (end != absl::string_view::npos ? 1 : 0);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

absl::StatusOr<bool> GzipFile::ReadBlock() {
  buffer_.erase(0, std::exchange(taken_, 0));
  const size_t had = buffer_.size();
  buffer_.resize(had + kBlock);
  const int read = gzread(file_, buffer_.data() + had, kBlock);
  buffer_.resize(had + (read > 0 ? read : 0));
  int error = Z_OK;
  const char* reason = gzerror(file_, &error);
  if (error == Z_ERRNO) reason = std::strerror(errno);
  if (error == Z_BUF_ERROR) reason = "ends within its gzip stream";
  if (error != Z_OK) return absl::DataLossError(absl::StrCat(path_, ": ", reason));
  return read > 0;
}

}  // namespace singleflight::bench
