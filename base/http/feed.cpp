#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <utility>

#include "base/http/connection.hpp"
#include "base/http/feed_in_progress.hpp"

namespace slipway::http {

namespace asio = boost::asio;

namespace {

constexpr std::string_view end_of_chunk = "\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace

Chunk::Chunk(std::string_view content) {
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, content.size(), 16).ptr;
  bytes_.reserve(static_cast<std::size_t>(end - size) + content.size() + 2 * end_of_chunk.size());
  bytes_.append(size, end).append(end_of_chunk);
  head_ = bytes_.size();
  bytes_.append(content).append(end_of_chunk);
}

std::string_view Chunk::content() const {
  return std::string_view(bytes_).substr(head_, bytes_.size() - head_ - end_of_chunk.size());
}

// From the pool's thread, which is free once the head is out.
void Connection::send_feed(FeedBody& body, const std::string& head, bool chunked) {
  write_head(head);
  promised_feed_ = std::make_unique<FeedInProgress>(transport_->executor(), std::move(body), chunked);
}

void Connection::begin_feed() {
  asio::post(transport_->executor(), [self = shared_from_this(), feed = std::move(promised_feed_)]() mutable {
    self->feed_ = std::move(feed);
    if (self->stopping_) return self->end_feed();
    self->limit_feed(self->feed_->body.limit);
    self->feed_more();
  });
}

// Ends the feed in good order; a client that does not even take what is under way by then is cut
// off a while later.
void Connection::limit_feed(std::chrono::seconds limit) {
  feed_->timer.expires_after(limit);
  feed_->timer.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (cancelled || !self->feed_) return;
    if (self->feed_->over) return self->transport_->close();
    self->end_feed();
  });
}

// One write or one wait at a time. A wake that comes when the feed is over, or that belongs to
// the feed of an earlier request on this connection, changes nothing.
void Connection::feed_more() {
  auto& feed = *feed_;
  if (feed.writing || feed.over) return;
  Feed::Next next;
  try {
    next = feed.body.feed->next([weak = weak_from_this(), id = &feed] {
      const auto self = weak.lock();
      if (!self) return;
      asio::post(self->transport_->executor(), [self, id] {
        if (self->feed_.get() == id) self->feed_more();
      });
    });
  } catch (const std::exception& error) {
    context_->log.warn("http.response_cut", {{"error", error.what()}});
    broken_ = true;
    return end_feed();
  }
  if (!next.chunk) {
    if (next.ended) end_feed();
    return;
  }
  feed.sent = next.chunk;
  write_feed(feed.chunked ? next.chunk->framed() : next.chunk->content(), Transport::no_limit);
}

void Connection::write_feed(std::string_view bytes, Limit limit) {
  feed_->writing = true;
  transport_->write(asio::buffer(bytes.data(), bytes.size()), limit,
                    [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                      self->feed_->writing = false;
                      if (error) {
                        self->broken_ = true;
                        self->feed_->timer.cancel();
                        self->feed_->over = true;
                      }
                      if (self->feed_->over) return self->end_feed();
                      self->feed_more();
                    });
}

// Called once or twice: when it is over, and, if a write was under way then, after that write.
void Connection::end_feed() {
  const bool first = !std::exchange(feed_->over, true);
  if (feed_->writing) {
    if (first) limit_feed(context_->config->idle_timeout);
    return;
  }
  feed_->timer.cancel();
  if (!broken_ && feed_->chunked && !feed_->last_chunk_sent) {
    feed_->last_chunk_sent = true;
    return write_feed(last_chunk, context_->config->idle_timeout);
  }
  feed_.reset();
  finish(!broken_ && keep_ && !stopping_ && parser_->is_done());
}

}  // namespace slipway::http
