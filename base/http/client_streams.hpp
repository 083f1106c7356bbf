#pragma once

// Included by client.cpp alone: cpprestsdk costs seconds of compile time.
#include <cpprest/astreambuf.h>
#include <cpprest/streams.h>
#include <fcntl.h>
#include <unistd.h>
#include <functional>
#include <string_view>

namespace slipway::http {

// What the two buffers below do not offer, in the answers cpprestsdk expects.
class OneWayBuffer : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  using Base = concurrency::streams::details::streambuf_state_manager<std::uint8_t>;
  using Base::int_type;
  using Base::off_type;
  using Base::pos_type;

  explicit OneWayBuffer(std::ios_base::openmode mode) : Base(mode) {}

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  utility::size64_t size() const override { return 0; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return pos_type(traits::eof()); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return pos_type(traits::eof()); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return pos_type(traits::eof());
  }
  bool acquire(std::uint8_t*&, std::size_t&) override { return false; }
  void release(std::uint8_t*, std::size_t) override {}

 protected:
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  pplx::task<int_type> _putc(std::uint8_t) override { return no_character(); }
  pplx::task<std::size_t> _putn(const std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  pplx::task<int_type> _bumpc() override { return no_character(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return no_character(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return no_character(); }
  pplx::task<int_type> _ungetc() override { return no_character(); }
  pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  std::size_t _scopy(std::uint8_t*, std::size_t) override { return static_cast<std::size_t>(-1); }
  std::uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}

 private:
  static pplx::task<int_type> no_character() { return pplx::task_from_result<int_type>(traits::eof()); }
};

// A request body out of a file, read when the socket has room. It can be rewound, for
// cpprestsdk starts anew when a reused connection turns out to be closed.
class FileSource final : public OneWayBuffer {
 public:
  FileSource(int file, std::uint64_t size, std::function<void()> on_progress)
      : OneWayBuffer(std::ios_base::in), file_(file), size_(size), on_progress_(std::move(on_progress)) {}
  ~FileSource() override { ::close(file_); }

  bool can_seek() const override { return true; }
  bool has_size() const override { return true; }
  utility::size64_t size() const override { return size_; }
  pos_type getpos(std::ios_base::openmode) const override { return static_cast<off_type>(position_); }
  pos_type seekpos(pos_type position, std::ios_base::openmode) override {
    position_ = static_cast<std::uint64_t>(static_cast<off_type>(position));
    return position;
  }

 protected:
  pplx::task<std::size_t> _getn(std::uint8_t* out, std::size_t count) override {
    const auto size = ::pread(file_, out, count, static_cast<off_t>(position_));
    on_progress_();
    if (size <= 0) return pplx::task_from_result<std::size_t>(0);
    position_ += static_cast<std::uint64_t>(size);
    return pplx::task_from_result(static_cast<std::size_t>(size));
  }

 private:
  const int file_;
  const std::uint64_t size_;
  const std::function<void()> on_progress_;
  std::uint64_t position_ = 0;
};

// A response body that is handed over piece by piece. `take` ends the task it gets when the
// piece has been used; until then nothing more is read from the socket.
class PieceSink final : public OneWayBuffer {
 public:
  using Used = pplx::task_completion_event<std::size_t>;
  explicit PieceSink(std::function<void(std::string_view, Used)> take)
      : OneWayBuffer(std::ios_base::out), take_(std::move(take)) {}

 protected:
  pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override {
    Used used;
    take_({reinterpret_cast<const char*>(bytes), count}, used);
    return pplx::create_task(used);
  }

 private:
  const std::function<void(std::string_view, Used)> take_;
};

}  // namespace slipway::http
