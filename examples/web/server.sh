#!/bin/sh
# Serves /srv/site over HTTP with what the base image has: busybox's httpd, or else perl.
port=${PORT:-80}
if command -v busybox >/dev/null; then
  exec busybox httpd -f -p "$port" -h /srv/site
fi
exec perl -MSocket -e '
  $SIG{TERM} = sub { exit 0 };
  socket(my $server, PF_INET, SOCK_STREAM, getprotobyname("tcp")) or die "socket: $!";
  setsockopt($server, SOL_SOCKET, SO_REUSEADDR, pack("l", 1)) or die "setsockopt: $!";
  bind($server, sockaddr_in($ARGV[0], INADDR_ANY)) or die "bind: $!";
  listen($server, 16) or die "listen: $!";
  while (accept(my $client, $server)) {
    my $request = <$client> // "";
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
    my ($path) = $request =~ m{^GET (/[\w.-]*) };
    $path = "/index.html" if defined $path && $path eq "/";
    if (defined $path && open(my $file, "<", "/srv/site$path")) {
      local $/; my $body = <$file>;
      print $client "HTTP/1.1 200 OK\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n", $body;
    } else {
      print $client "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    close $client;
  }
' "$port"
