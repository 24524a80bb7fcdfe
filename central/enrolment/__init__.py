"""Who may speak to the centre: enrolment by token, renewal, revocation."""
