// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "./IAssay.sol";
import {Job, NO_INDEX, NO_WINDOW, State} from "./State.sol";

/// @title Every movement of value, each with its ledger line
/// @dev The contract's balance is the sum of all free balances, seats, job escrows and open challenge bonds.
library Vault {
    address internal constant BURN = address(0xdead);

    /// @dev Where and why an amount moved, beyond who and how much.
    struct Place {
        bytes32 jobId;
        uint32 window;
        uint16 index;
    }

    /// @dev The place of what concerns a whole job.
    function wholeJob(bytes32 jobId) internal pure returns (Place memory) {
        return Place(jobId, NO_WINDOW, NO_INDEX);
    }

    function log(Place memory place, address account, int256 amount, IAssay.Reason reason) internal {
        emit IAssay.Ledger(place.jobId, account, amount, reason, place.window, place.index);
    }

    /// @dev Adds to an account's free balance; the caller takes the amount from where it was held.
    function credit(State storage s, Place memory place, address account, uint256 amount, IAssay.Reason reason) internal {
        if (amount == 0) return;
        s.free[account] += amount;
        log(place, account, int256(amount), reason);
    }

    /// @dev Takes from an account's free balance; the caller holds the amount somewhere else.
    function debit(State storage s, Place memory place, address account, uint256 amount, IAssay.Reason reason) internal {
        uint256 free = s.free[account];
        if (free < amount) revert IAssay.InsufficientBalance(amount, free);
        s.free[account] = free - amount;
        log(place, account, -int256(amount), reason);
    }

    function reserve(Job storage job, Place memory place, address account, uint128 amount) internal {
        IAssay.Seat storage seat = job.seats[account];
        uint128 available = seat.stake - seat.reserved;
        if (available < amount) revert IAssay.InsufficientSeat(account, amount, available);
        seat.reserved += amount;
        log(place, account, -int256(uint256(amount)), IAssay.Reason.Reserve);
    }

    function release(Job storage job, Place memory place, address account, uint128 amount) internal {
        if (amount == 0) return;
        job.seats[account].reserved -= amount;
        log(place, account, int256(uint256(amount)), IAssay.Reason.Release);
    }

    /// @dev Takes up to `amount` of a seat's unreserved stake: what a claim reserves answers for that claim alone.
    /// @return taken What the seat lost; the caller passes it on.
    function slash(Job storage job, Place memory place, address account, uint128 amount)
        internal
        returns (uint128 taken)
    {
        IAssay.Seat storage seat = job.seats[account];
        uint128 available = seat.stake - seat.reserved;
        taken = amount < available ? amount : available;
        if (taken == 0) return 0;
        seat.stake -= taken;
        log(place, account, -int256(uint256(taken)), IAssay.Reason.Slash);
    }

    function burn(Place memory place, uint256 amount) internal {
        if (amount == 0) return;
        log(place, BURN, int256(amount), IAssay.Reason.Burn);
        send(BURN, amount);
    }

    function send(address to, uint256 amount) internal {
        (bool ok,) = payable(to).call{value: amount}("");
        if (!ok) revert IAssay.TransferFailed();
    }
}
