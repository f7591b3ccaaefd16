// A walk over imports, with a stack of its own: a chain of them may be as long as there are files,
// and a backend that is not trusted says how they are linked.

#include "server/schema/files.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/schema/schema.h"

namespace singleflight::schema {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

// Keeps the first thing that a file is refused for.
class FirstError final : public DescriptorPool::ErrorCollector {
 public:
#if GOOGLE_PROTOBUF_VERSION >= 4022000  // where it got another name
  void RecordError(absl::string_view, absl::string_view element, const google::protobuf::Message*,
                   ErrorLocation, absl::string_view message) override {
    Note(element, message);
  }
#else
  void AddError(const std::string&, const std::string& element, const google::protobuf::Message*,
                ErrorLocation, const std::string& message) override {
    Note(element, message);
  }
#endif
  const std::string& text() const { return text_; }

 private:
  void Note(absl::string_view element, absl::string_view message) {
    if (text_.empty()) text_ = absl::StrCat(element, ": ", message);
  }

  std::string text_;
};

class Builder {
 public:
  Builder(const FileDescriptorSet& set, DescriptorPool& pool) : pool_(pool) {
    for (const FileDescriptorProto& file : set.file()) files_.emplace(file.name(), &file);
  }

  absl::Status All() {
    if (files_.size() > Schema::kMostFiles) return TooMany();
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) names.push_back(name);
    for (const std::string& name : names) {
      if (absl::Status status = WithImports(name); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  enum class State { kBegun, kBuilt };

  static absl::Status TooMany() {
    return absl::ResourceExhaustedError(absl::StrCat(
        "it has more than ", Schema::kMostFiles, " files; leave out those that no method needs"));
  }

  absl::Status WithImports(const std::string& first) {
    std::vector<std::string> stack = {first};
    while (!stack.empty()) {
      const std::string name = stack.back();
      const FileDescriptorProto& file = *files_.at(name);
      const auto [at, fresh] = states_.emplace(name, State::kBegun);
      if (fresh) {
        if (absl::Status status = PushImports(file, &stack); !status.ok()) return status;
        continue;
      }
      stack.pop_back();
      if (at->second == State::kBuilt) continue;
      if (absl::Status status = Build(file); !status.ok()) return status;
      at->second = State::kBuilt;
    }
    return absl::OkStatus();
  }

  absl::Status PushImports(const FileDescriptorProto& file, std::vector<std::string>* stack) {
    for (const std::string& import : file.dependency()) {
      if (files_.count(import) == 0 && !AddOwn(import)) {
        return absl::InvalidArgumentError(
            absl::StrCat(file.name(), " imports ", import,
                         ", which is not there; make the set with protoc --include_imports"));
      }
      const auto state = states_.find(import);
      if (state == states_.end()) {
        stack->push_back(import);
      } else if (state->second == State::kBegun) {
        return absl::InvalidArgumentError(
            absl::StrCat(file.name(), " imports ", import, ", which imports it"));
      }
    }
    return absl::OkStatus();
  }

  // Protobuf's own files are part of Protobuf's own library.
  bool AddOwn(const std::string& name) {
    if (!absl::StartsWith(name, "google/protobuf/")) return false;
    const google::protobuf::FileDescriptor* const own =
        DescriptorPool::generated_pool()->FindFileByName(name);
    if (own == nullptr) return false;
    FileDescriptorProto& added = own_[name];
    own->CopyTo(&added);
    files_.emplace(name, &added);
    return true;
  }

  absl::Status Build(const FileDescriptorProto& file) {
    FirstError error;
    if (pool_.BuildFileCollectingErrors(file, &error) != nullptr) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": ", error.text()));
  }

  DescriptorPool& pool_;
  std::map<std::string, const FileDescriptorProto*> files_;
  std::map<std::string, FileDescriptorProto> own_;
  std::map<std::string, State> states_;
};

}  // namespace

absl::Status BuildFiles(const FileDescriptorSet& set, DescriptorPool& pool) {
  return Builder(set, pool).All();
}

}  // namespace singleflight::schema
