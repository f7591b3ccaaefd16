#include "server/app/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/base/check.h"

namespace singleflight::app {

Signals::Signals(boost::asio::io_context& control, std::initializer_list<int> signals)
    : descriptor_(control) {
  sigset_t awaited;
  sigemptyset(&awaited);
  for (const int signal : signals) sigaddset(&awaited, signal);
  ::pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  const int fd = ::signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
  SF_CHECK(fd >= 0);
  descriptor_.assign(fd);
}

void Signals::Await(std::function<void(int signal)> on_signal) {
  descriptor_.async_wait(
      boost::asio::posix::descriptor_base::wait_read,
      [this, on_signal = std::move(on_signal)](const boost::system::error_code& error) {
        if (error) return;
        signalfd_siginfo about;
        const bool came = ::read(descriptor_.native_handle(), &about, sizeof(about)) ==
                          static_cast<ssize_t>(sizeof(about));
        if (!came) return Await(on_signal);
        on_signal(static_cast<int>(about.ssi_signo));
      });
}

}  // namespace singleflight::app
