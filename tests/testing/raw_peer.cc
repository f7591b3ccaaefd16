// Clients and servers that send the header blocks and frames that a test says, on nghttp2.

#include "tests/testing/raw_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <stdexcept>

#include "tests/testing/child_process.h"
#include "tests/testing/http_get.h"

namespace singleflight::testing {
namespace {

std::vector<nghttp2_nv> ToNv(const Fields& fields) {
  std::vector<nghttp2_nv> nv;
  for (const Field& field : fields) {
    nv.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                  reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                  field.name.size(), field.value.size(),
                  static_cast<uint8_t>(field.never_index ? NGHTTP2_NV_FLAG_NO_INDEX
                                                         : NGHTTP2_NV_FLAG_NONE)});
  }
  return nv;
}

std::string Text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Field& field) {
  return out << field.name << ": " << field.value << (field.never_index ? " (never indexed)" : "");
}

std::string RawSeen::Value(const std::string& name) const {
  for (const Fields& block : blocks) {
    for (const Field& field : block) {
      if (field.name == name) return field.value;
    }
  }
  return "";
}

std::ostream& operator<<(std::ostream& out, const RawSeen& seen) {
  for (const Fields& block : seen.blocks) {
    for (const Field& field : block) out << "\n  " << field;
    out << "\n  --";
  }
  out << " " << seen.body.size() << " bytes" << (seen.ended ? ", ended" : "");
  if (seen.reset.has_value()) out << ", reset " << *seen.reset;
  return out;
}

std::string Framed(const std::string& message, char flag) {
  const uint32_t size = htonl(static_cast<uint32_t>(message.size()));
  std::string framed(1, flag);
  framed.append(reinterpret_cast<const char*>(&size), sizeof(size));
  return framed + message;
}

// What is still to be sent on one stream.
struct RawConnection::Outgoing {
  RawMessage message;
  size_t next = 0;  // of message.data
  size_t sent = 0;  // of that
  bool sent_all = false;
};

struct RawConnection::Callbacks {
  static RawSeen& Seen(void* self, int32_t stream) {
    return static_cast<RawConnection*>(self)->streams_[stream];
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Seen(self, frame->hd.stream_id).blocks.emplace_back();
    return 0;
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags,
                      void* self) {
    Seen(self, frame->hd.stream_id)
        .blocks.back()
        .push_back({Text(name, name_size), Text(value, value_size),
                    (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
    return 0;
  }

  static int OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* bytes, size_t size,
                    void* self) {
    Seen(self, stream).body += Text(bytes, size);
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const bool carries_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      Seen(self, frame->hd.stream_id).ended = true;
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      Seen(self, frame->hd.stream_id).reset = frame->rst_stream.error_code;
    }
    return 0;
  }

  static int OnClosed(nghttp2_session*, int32_t stream, uint32_t, void* self) {
    Seen(self, stream).closed = true;
    static_cast<RawConnection*>(self)->outgoing_.erase(stream);
    return 0;
  }

  static ssize_t Read(nghttp2_session* session, int32_t stream, uint8_t* out, size_t room,
                      uint32_t* flags, nghttp2_data_source* source, void*) {
    Outgoing& outgoing = *static_cast<Outgoing*>(source->ptr);
    const RawMessage& message = outgoing.message;
    size_t n = 0;
    if (outgoing.next < message.data.size()) {
      const std::string& piece = message.data[outgoing.next];
      n = std::min(room, piece.size() - outgoing.sent);
      std::memcpy(out, piece.data() + outgoing.sent, n);
      outgoing.sent += n;
      if (outgoing.sent == piece.size()) {
        ++outgoing.next;
        outgoing.sent = 0;
      }
    }
    if (outgoing.next < message.data.size()) return static_cast<ssize_t>(n);
    if (!message.ends) {
      outgoing.sent_all = true;
      return n > 0 ? static_cast<ssize_t>(n) : static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!message.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> nv = ToNv(message.trailers);
      nghttp2_submit_trailer(session, stream, nv.data(), nv.size());
    }
    outgoing.sent_all = true;
    return static_cast<ssize_t>(n);
  }
};

RawConnection::RawConnection(int fd, bool server, uint32_t stream_window) : fd_(fd) {
  nghttp2_session_callbacks* callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnClosed);
  nghttp2_option* option;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_http_messaging(option, 1);
  const auto create = server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  create(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 1);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 64 << 20);
}

RawConnection::~RawConnection() {
  nghttp2_session_del(session_);
  ::close(fd_);
}

int32_t RawConnection::Open(const RawMessage& message) {
  auto outgoing = std::make_unique<Outgoing>(Outgoing{message});
  const std::vector<nghttp2_nv> nv = ToNv(message.head);
  nghttp2_data_provider body{{.ptr = outgoing.get()}, Callbacks::Read};
  const bool bare = message.data.empty() && message.trailers.empty() && message.ends;
  const int32_t stream = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(),
                                                bare ? nullptr : &body, nullptr);
  outgoing_[stream] = std::move(outgoing);
  return stream;
}

void RawConnection::Answer(int32_t stream, const RawMessage& message) {
  auto outgoing = std::make_unique<Outgoing>(Outgoing{message});
  const bool bare = message.data.empty() && message.trailers.empty() && message.ends;
  outgoing->sent_all = bare || message.head.empty();
  if (!message.head.empty()) {
    const std::vector<nghttp2_nv> nv = ToNv(message.head);
    nghttp2_data_provider body{{.ptr = outgoing.get()}, Callbacks::Read};
    nghttp2_submit_response(session_, stream, nv.data(), nv.size(), bare ? nullptr : &body);
  }
  outgoing_[stream] = std::move(outgoing);
}

void RawConnection::Reset(int32_t stream, uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error);
}

// Resets go out after what comes before them, not instead of it.
bool RawConnection::Flush() {
  for (bool again = true; again;) {
    const uint8_t* bytes;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(session_, &bytes)) > 0) {
      for (ssize_t done = 0, n; done < size; done += n) {
        n = ::send(fd_, bytes + done, static_cast<size_t>(size - done), MSG_NOSIGNAL);
        if (n < 0) return false;
      }
    }
    again = false;
    for (auto& [stream, outgoing] : outgoing_) {
      if (!outgoing->sent_all || !outgoing->message.reset.has_value()) continue;
      Reset(stream, *std::exchange(outgoing->message.reset, std::nullopt));
      again = true;
    }
  }
  return true;
}

bool RawConnection::Pump(int timeout_ms) {
  if (!Flush()) return false;
  pollfd readable{fd_, POLLIN, 0};
  if (::poll(&readable, 1, timeout_ms) <= 0) return true;
  uint8_t buffer[16384];
  const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
  if (n <= 0 || nghttp2_session_mem_recv(session_, buffer, static_cast<size_t>(n)) < 0) {
    for (auto& [stream, seen] : streams_) seen.closed = true;
    return false;
  }
  return Flush();
}

RawClient::RawClient(const std::string& address, uint32_t stream_window)
    : connection_(ConnectTo(address), false, stream_window) {}

RawSeen RawClient::Wait(int32_t stream) {
  Until([&] {
    const auto found = connection_.streams().find(stream);
    return found != connection_.streams().end() && found->second.closed;
  });
  return connection_.streams().at(stream);
}

void RawClient::Until(const std::function<bool()>& condition) {
  const Deadline deadline;
  while (!condition()) {
    if (deadline.passed()) throw std::runtime_error("the raw client waits in vain");
    if (!connection_.Pump(5) && !condition()) throw std::runtime_error("the connection has ended");
  }
}

struct RawServer::Client {
  Client(int fd, uint32_t stream_window) : connection(fd, true, stream_window) {}
  RawConnection connection;
  std::map<int32_t, size_t> place;  // of each stream in requests_
  std::map<int32_t, bool> answered;
};

RawServer::RawServer(Script script, uint32_t stream_window)
    : script_(std::move(script)), stream_window_(stream_window) {
  listen_fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  ip.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(ip);
  if (::bind(listen_fd_, reinterpret_cast<sockaddr*>(&ip), size) != 0 ||
      ::listen(listen_fd_, 128) != 0 || ::pipe2(control_fds_, O_CLOEXEC) != 0) {
    throw std::runtime_error("the raw server cannot listen");
  }
  ::getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&ip), &size);
  address_ = "127.0.0.1:" + std::to_string(ntohs(ip.sin_port));
  thread_ = std::thread([this] { Run(); });
}

RawServer::~RawServer() {
  ::close(control_fds_[1]);
  thread_.join();
  ::close(control_fds_[0]);
  ::close(listen_fd_);
}

void RawServer::Run() {
  std::list<Client> clients;
  while (true) {
    std::vector<pollfd> fds = {{control_fds_[0], POLLIN, 0}, {listen_fd_, POLLIN, 0}};
    for (Client& client : clients) fds.push_back({client.connection.fd(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), -1);
    char command;
    if (fds[0].revents != 0 && ::read(control_fds_[0], &command, 1) <= 0) return;
    size_t at = 2;
    for (auto client = clients.begin(); client != clients.end();) {
      const bool readable = fds[at++].revents != 0;
      const bool alive = !readable || client->connection.Pump(0);
      const size_t before = client->place.size();
      Serve(*client);
      const std::lock_guard<std::mutex> lock(mu_);
      const bool hang_up = hanging_up_ && client->place.size() > before;
      client = alive && !hang_up ? std::next(client) : clients.erase(client);
    }
    if (fds[1].revents != 0)
      clients.emplace_back(::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC), stream_window_);
  }
}

// Notes what has come, and answers what can be answered.
void RawServer::Serve(Client& client) {
  for (const auto& [stream, seen] : client.connection.streams()) {
    if (stream == 0 || seen.blocks.empty()) continue;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      const auto [place, added] = client.place.emplace(stream, requests_.size());
      if (added) requests_.emplace_back();
      requests_[place->second] = seen;
    }
    if (client.answered[stream]) continue;
    const std::optional<RawMessage> answer = script_(seen);
    if (!answer.has_value() || !(answer->early || seen.ended)) continue;
    client.answered[stream] = true;
    client.connection.Answer(stream, *answer);
  }
  client.connection.Flush();
  changed_.notify_all();
}

std::vector<RawSeen> RawServer::requests() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return requests_;
}

void RawServer::WaitFor(size_t n, const std::function<bool(const RawSeen&)>& ready) {
  std::unique_lock<std::mutex> lock(mu_);
  const bool came = changed_.wait_for(lock, kPatience, [&] {
    return static_cast<size_t>(std::count_if(requests_.begin(), requests_.end(), ready)) >= n;
  });
  if (!came) throw std::runtime_error("the raw server waits in vain");
}

void RawServer::LookAgain() {
  if (::write(control_fds_[1], "l", 1) != 1) throw std::runtime_error("the raw server is gone");
}

void RawServer::HangUpOnRequests() {
  const std::lock_guard<std::mutex> lock(mu_);
  hanging_up_ = true;
}

}  // namespace singleflight::testing
