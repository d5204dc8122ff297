"""What asyncio code everywhere shares: clocks, threads, waiting, listeners."""
