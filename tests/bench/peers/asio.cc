/* SPDX-License-Identifier: MIT */
/* An echo server of Boost.Asio: a session that keeps itself alive, what was
 * read is written whole before it reads again.
 */
#include <boost/asio.hpp>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using boost::system::error_code;

constexpr int backlog = 4096;

class session : public std::enable_shared_from_this<session>
{
      public:
	explicit session(tcp::socket socket) : socket_(std::move(socket))
	{
	}

	void read()
	{
		auto self = shared_from_this();

		socket_.async_read_some(
			boost::asio::buffer(data_),
			[this, self](error_code error, std::size_t length) {
				if (!error)
					write(length);
			});
	}

      private:
	void write(std::size_t length)
	{
		auto self = shared_from_this();

		boost::asio::async_write(
			socket_, boost::asio::buffer(data_, length),
			[this, self](error_code error, std::size_t) {
				if (!error)
					read();
			});
	}

	tcp::socket socket_;
	std::array<char, 1024> data_;
};

class stream_server
{
      public:
	stream_server(boost::asio::io_context &context, unsigned short port)
	    : acceptor_(context)
	{
		tcp::endpoint endpoint(tcp::v4(), port);

		acceptor_.open(endpoint.protocol());
		acceptor_.set_option(tcp::acceptor::reuse_address(true));
		acceptor_.bind(endpoint);
		acceptor_.listen(backlog);
		accept();
	}

      private:
	void accept()
	{
		acceptor_.async_accept([this](error_code error,
					      tcp::socket socket) {
			if (!error) {
				socket.set_option(tcp::no_delay(true));
				std::make_shared<session>(std::move(socket))
					->read();
			}
			accept();
		});
	}

	tcp::acceptor acceptor_;
};

class datagram_server
{
      public:
	datagram_server(boost::asio::io_context &context, unsigned short port)
	    : socket_(context, udp::endpoint(udp::v4(), port))
	{
		receive();
	}

      private:
	void receive()
	{
		socket_.async_receive_from(
			boost::asio::buffer(data_), peer_,
			[this](error_code error, std::size_t length) {
				if (error)
					receive();
				else
					send(length);
			});
	}

	void send(std::size_t length)
	{
		socket_.async_send_to(
			boost::asio::buffer(data_, length), peer_,
			[this](error_code, std::size_t) { receive(); });
	}

	udp::socket socket_;
	udp::endpoint peer_;
	std::array<char, 65536> data_;
};

int main(int argc, char *argv[])
{
	if (argc != 2)
		return 2;

	auto port = static_cast<unsigned short>(std::atoi(argv[1]));
	boost::asio::io_context context(1);
	stream_server streams(context, port);
	datagram_server datagrams(context, port);

	context.run();
}
