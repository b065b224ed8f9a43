@rem `npm start` begins with the word exec, so that signals reach the program and not a shell in between.
@rem Windows knows no such word: this file is it.
@%*
