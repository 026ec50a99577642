"""What every HTTP answer has in common: problems, limits of what is taken, hosts, proxies, ids."""
