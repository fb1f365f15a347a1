#!/usr/bin/perl
# A second opinion on signatures: written from the Standard Webhooks specification alone, with what Perl brings along.
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
#
# stdin: a delivery per line, parted by tabs: secret, webhook-id, webhook-timestamp, webhook-signature, body in base64.
# stdout: a line each: "good N" (the N-th signature of the header fits, from 1), or "bad: why".
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(decode_base64 encode_base64);

my $tolerance = 5 * 60; # "Timestamp": against replays, seconds either way

sub judge {
	my ($secret, $id, $at, $signatures, $body) = @_;

	# "Symmetric": 24 to 64 random bytes, in base64 behind whsec_
	$secret =~ m{^whsec_([A-Za-z0-9+/]+={0,2})$} or return "bad: the secret is not whsec_ and base64";
	my $key = decode_base64($1);
	length($key) >= 24 && length($key) <= 64 or return "bad: the key has " . length($key) . " bytes";
	# "The webhook-id": unique, and no dot in it, which parts what is signed
	$id ne '' && $id !~ /\./ or return "bad: webhook-id";
	$at =~ /^[0-9]+$/ or return "bad: webhook-timestamp is no number of seconds";
	abs(time - $at) <= $tolerance or return "bad: the timestamp is too old, or in the future";
	# "Signature scheme": id.timestamp.payload; the header has several of version,signature, parted by blanks
	my $want = encode_base64(hmac_sha256("$id.$at.$body", $key), '');
	my $n = 0;
	for my $one (split / /, $signatures) {
		$n++;
		my ($version, $signature) = split /,/, $one, 2;
		return "bad: a signature without a version" unless defined $signature;
		return "good $n" if $version eq 'v1' && $signature eq $want;
	}
	return "bad: none of $n signatures fits";
}

while (my $line = <STDIN>) {
	chomp $line;
	my @field = split /\t/, $line, -1;
	print @field == 5 ? judge(@field[0 .. 3], decode_base64($field[4])) : "bad: " . @field . " fields", "\n";
}
